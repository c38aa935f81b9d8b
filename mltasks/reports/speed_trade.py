"""Trade of time for quality: charts, rows and text, from the ``trade`` of a version's meta.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from mltasks.reports.version_components import head_name
from mltasks.vision.evaluation.chart import (
    Axis,
    Chart,
    Dots,
    Line,
    Mark,
    Text,
    high_share_axis,
    interval_line,
    nice_ceiling,
    share_axis,
    threshold_marks,
)

Row = Mapping[str, Any]
# Ticks of the time axis at most, and the axis's length as a multiple of the longest time
TIME_TICKS, AXIS_ROOM = 7, 1.1


def trade_rows(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the measured versions, the fastest first, each with the names of its scores as ``heads``."""
    rows = sorted((meta.get("trade") or {}).get("points", []), key=lambda row: row["milliseconds"])
    return [{**row, "heads": ", ".join(head_name(name) for name in row["scores"])} for row in rows]


def trade_text(meta: Mapping[str, Any]) -> str:
    """Return a text on the time budget: kept or not, and the scores that it costs; empty without a budget."""
    trade = meta.get("trade") or {}
    chosen = next((row for row in trade.get("points", []) if row["chosen"]), None)
    if not chosen or not trade["budget_ms"]:
        return ""
    numbers = {"time": f"{chosen['milliseconds']:.0f}", "budget": f"{trade['budget_ms']:g}"}
    if chosen["milliseconds"] > trade["budget_ms"]:
        text = _("Above the budget: the fastest version takes {time} ms, the budget is {budget} ms. Raise it.")
        return text.format(**numbers)
    text = _("Within the budget of {budget} ms.").format(**numbers)
    if not trade["removed"]:
        return text
    names = ", ".join(head_name(name) for name in trade["removed"])
    return f"{text} " + _("For the budget this version does without: {heads}.").format(heads=names)


def trade_charts(meta: Mapping[str, Any]) -> dict[str, Chart]:
    """Return average precision and review share by time; none with fewer than two measured versions."""
    rows = [row for row in trade_rows(meta) if row["average_precision"]["value"] is not None]
    if len(rows) < 2:
        return {}
    quality = high_share_axis(min(row["average_precision"]["low"] for row in rows))
    budget = meta["trade"]["budget_ms"]
    return {
        "trade_quality": _chart(
            rows, "average_precision", _("Average precision by time per image"), quality, budget, falls=False
        ),
        "trade_reviews": _chart(
            rows, "review_rate", _("Share of parts that people review"), share_axis(), budget, falls=True
        ),
    }


def _chart(rows: Sequence[Row], name: str, title: str, y: Axis, budget: float, *, falls: bool) -> Chart:
    """Return a chart by time; ``falls`` puts its legend on top, where a falling curve leaves room."""
    points = [(row["milliseconds"], row[name]["value"]) for row in rows]
    x = _time_axis(max(budget, points[-1][0]))
    marks: list[Mark] = threshold_marks(x, y, budget, [_("budget")], "muted") if budget else []
    marks += [
        Line(points, "review-ink"),
        *(interval_line(at, y=row[name]) for at, row in zip(points, rows, strict=True)),
        Dots(points, "ink", small=True),
        Dots([at for at, row in zip(points, rows, strict=True) if row["chosen"]], "pass-ink"),
    ]
    corner = (x.high, y.high if falls else y.low)
    marks.append(Text(corner, _("large dot: this version"), "pass-ink", "end", (-6, 16 if falls else -8)))
    return Chart(title, x, y, marks)


def _time_axis(longest: float) -> Axis:
    apart = nice_ceiling(longest / TIME_TICKS)
    ticks = [apart * number for number in range(int(longest / apart) + 1)]
    label = _("Milliseconds per image, one thread")
    return Axis(0, AXIS_ROOM * longest, [(tick, f"{tick:g}") for tick in ticks], label)
