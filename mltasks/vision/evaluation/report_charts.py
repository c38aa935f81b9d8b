"""Charts of a report, built from the report's own numbers; absent where an older report lacks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mltasks.vision.evaluation.chart import (
    LINE_HEIGHT,
    Area,
    Axis,
    Chart,
    Dots,
    Line,
    Mark,
    Report,
    Text,
    Translate,
    box,
    corner_texts,
    empty_chart,
    high_share_axis,
    interval_line,
    log_axis,
    number_axis,
    row_axis,
    share_axis,
    step_line,
)
from mltasks.vision.evaluation.score_charts import (
    calibration_chart,
    cost_chart,
    novelty_chart,
    reconstruction_error_chart,
)

SMALLEST_LOSS = 1e-6


def report_charts(report: Report, _: Translate = str) -> dict[str, Chart]:
    """Return the charts by name, with texts translated by ``_``; none of a report without bands or costs."""
    if not report.keys() >= {"curves", "metrics", "thresholds", "review_band", "costs", "cost_matrix"}:
        return {}
    curves = report["curves"]
    charts = {name: build(report, _) for name, build in _CURVES.items() if name in curves}
    if curves.get("labels"):
        charts["labels"] = label_curve_chart(report, _)
    if "novelty" in curves and "novelty" in report:
        charts["novelty"] = novelty_chart(report, _)
    if report.get("confusion"):
        charts["confusion"] = confusion_chart(report, _)
    if report.get("defect_types"):
        charts["defect_types"] = defect_types_chart(report, _)
    return charts


def precision_recall_chart(report: Report, _: Translate) -> Chart:
    """Return precision by recall over all thresholds, and the operating point with its intervals."""
    x, y = share_axis(_("Recall: defective parts that FAIL")), share_axis(_("Precision: defective among FAIL"), 1.04)
    title, points = _("Precision by recall (share of parts)"), report["curves"]["precision_recall"]
    if not points:
        return empty_chart(title, x, y, _("No defective part was measured"))
    corners, metrics = step_line([(recall, precision) for recall, precision, *_score in points]), report["metrics"]
    summary = _estimate_text(metrics["average_precision"], _)
    marks: list[Mark] = [
        Area(corners, [(0, 0), (corners[-1][0], 0)], "review"),
        Line(corners, "review-ink"),
        Text((0, 0), f"{_('Average precision')} {summary}", "ink", offset=(8, -8)),
    ]
    recall, precision = metrics["recall"], metrics["precision"]
    if recall["value"] is None or precision["value"] is None:
        return Chart(title, x, y, [*marks, Text((0, 0), _("At these costs no part fails"), offset=(8, -26))])
    at = recall["value"], precision["value"]
    side = 10 if at[0] < 0.5 else -10
    texts = (_("at the FAIL threshold,"), _("95 % intervals"))
    marks += [
        interval_line(at, x=recall, color="fail-ink"),
        interval_line(at, y=precision, color="fail-ink"),
        Dots([at], "fail-ink"),
        *(
            Text(at, text, "fail-ink", "start" if side > 0 else "end", (side, 26 + LINE_HEIGHT * line))
            for line, text in enumerate(texts)
        ),
    ]
    return Chart(title, x, y, marks)


def confusion_chart(report: Report, _: Translate) -> Chart:
    """Return the counts of right and wrong model verdicts, the cost of each error, and the total."""
    counts, costs = report["confusion"], report["costs"]
    cells = [
        (0, 0, "true_pass", _("correct"), "pass"),
        (1, 0, "false_alarm", _("false alarms, {cost} each").format(cost=f"{costs['fp']:g}"), "fail"),
        (0, 1, "escape", _("missed, {cost} each").format(cost=f"{costs['fn']:g}"), "fail"),
        (1, 1, "true_fail", _("correct"), "pass"),
    ]
    marks: list[Mark] = []
    for x, y, name, text, color in cells:
        marks += [
            box(x + 0.01, x + 0.99, y + 0.02, y + 0.98, color if counts[name] or color == "pass" else "line"),
            Text((x + 0.5, y + 0.5), str(counts[name]), "ink", "middle", large=True),
            Text((x + 0.5, y + 0.75), text, "ink", "middle"),
        ]
    title = _("Model verdicts by label (images); errors cost {total} in total").format(
        total=f"{report['cost_matrix']['total']:g}"
    )
    verdicts, truths = ((0.5, _("PASS")), (1.5, _("FAIL"))), ((0.5, _("good")), (1.5, _("defective")))
    return Chart(title, Axis(0, 2, verdicts), Axis(2, 0, truths), marks)


def defect_types_chart(report: Report, _: Translate) -> Chart:
    """Return the recall of each defect type with interval and counts, one row per type."""
    rows = list(report["defect_types"].items())
    marks: list[Mark] = []
    for at, (_name, recall) in enumerate(rows):
        hits = _("{hits} of {number}").format(hits=round(recall["value"] * recall["n"]), number=recall["n"])
        marks += [
            interval_line((recall["value"], at), x=recall),
            Dots([(recall["value"], at)], "ink"),
            Text((1, at), hits, "ink", offset=(14, 4)),
        ]
    label = _("Defective parts of the type that FAIL, 95 % interval")
    names = [name if len(name) <= 18 else f"{name[:17]}…" for name, _recall in rows]
    title = _("Recall by defect type (share that FAIL)")
    return Chart(title, share_axis(label), row_axis(names), marks, height=100 + 33 * len(rows))


def label_curve_chart(report: Report, _: Translate) -> Chart:
    """Return average precision with intervals by the number of labels; all labels come last."""
    title, label = _("Average precision by number of labels"), _("Labels; the last point is all labels")
    rows = [(row["labels"], row["average_precision"]) for row in report["curves"]["labels"]]
    measured = [(count, estimate) for count, estimate in rows if estimate["value"] is not None]
    if not measured:
        return empty_chart(title, Axis(0, 1, [], label), share_axis(), _("Needs good and defective parts"))
    first, last = measured[0][0], measured[-1][0]
    x = Axis(first / 1.3, last * 1.7, [(count, str(count)) for count, estimate in measured], label, log=True)
    y = high_share_axis(min(estimate["low"] for count, estimate in measured))
    line = [(count, estimate["value"]) for count, estimate in measured]
    marks: list[Mark] = [
        Line(line, "review-ink"),
        *(interval_line((count, 0), y=estimate) for count, estimate in measured),
        Dots(line, "ink"),
        *(Text(at, f"{100 * at[1]:.1f} %", "ink", offset=(8, 15)) for at in line),
    ]
    return Chart(title, x, y, marks)


def training_chart(losses: Mapping[str, Sequence[float]], early_stopped: bool, _: Translate = str) -> Chart:
    """Return the validation losses of each training by epoch, the version's own training last.

    ``early_stopped``: trainings kept the epoch of least loss, which is marked.
    """
    lines = [[max(loss, SMALLEST_LOSS) for loss in line] for line in losses.values()]
    *others, last = lines
    low, high = min(map(min, lines)), max(map(max, lines))
    # Room for the texts above the curves
    room = max(high / low, 1.5) ** 0.35
    y = log_axis(low / room**0.3, high * room)
    epochs = max(2, *map(len, lines))
    x = Axis(0, epochs, number_axis(epochs, step=1).ticks, _("Epoch"))
    marks: list[Mark] = []
    for line in lines:
        color, points = "review-ink" if line is last else "muted", list(enumerate(line, 1))
        marks.append(Line(points, color, thin=line is not last))
        if early_stopped or len(line) == 1:
            marks.append(Dots([points[line.index(min(line))]], color, small=line is not last))
    if early_stopped:
        title = _("Validation loss by epoch (weighted cross entropy)")
        best_epoch = last.index(min(last)) + 1
        texts = [_("the version, best at epoch {number}").format(number=best_epoch), _("gray: the fold models")]
    else:
        title = _("Loss on held-out parts by epoch (cross entropy)")
        title += "\n" + _("Training runs all epochs; the loss selects none")
        # The version of a cross-validation is trained on all parts: none is held out.
        own = _("the version, on parts it was trained on") if others else _("the version, on held-out parts")
        texts = [own, _("gray: the fold models, on held-out parts")]
    legend = list(zip(texts if others else texts[:1], ("review-ink", "muted"), strict=False))
    return Chart(title, x, y, [*marks, *corner_texts(x, y.high, legend)])


def _estimate_text(estimate: Mapping[str, Any], _: Translate) -> str:
    numbers = {name: f"{estimate[name]:.3f}" for name in ("value", "low", "high") if estimate[name] is not None}
    return _("{value} ({low} to {high})").format(**numbers) if numbers else _("not measurable")


_CURVES: Mapping[str, Callable[[Report, Translate], Chart]] = {
    "precision_recall": precision_recall_chart,
    "cost": cost_chart,
    "calibration": calibration_chart,
    "reconstruction_error": reconstruction_error_chart,
}
