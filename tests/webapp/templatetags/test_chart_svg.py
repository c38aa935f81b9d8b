"""Charts of a report in a page: each text is there, in classes instead of colors, and fits beside the axes."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from mltasks.reports.version_report import VersionReport, validation_losses
from mltasks.vision.evaluation.chart import Axis, Chart, Line, Text, share_axis
from mltasks.vision.evaluation.report_charts import report_charts, training_chart
from tests.vision.evaluation.test_plots import CURVE, predictions, report
from webapp.templatetags.chart_svg import chart_svg
from webapp.templatetags.version_charts import compared_figure, epochs_chart, figure

NAMES = {
    *("precision_recall", "confusion", "cost", "calibration", "novelty", "reconstruction_error", "defect_types"),
    "training",
}


def shown(svg: str) -> str:
    """Return the text of a figure; parsing fails if it is no XML."""
    root = ElementTree.fromstring(svg.replace("<br>", "<br/>"))  # noqa: S314 - ours
    return " ".join(text for text in root.itertext() if text.strip())


def version_report(number: int, evaluation: dict[str, Any], epochs: list[dict[str, Any]]) -> VersionReport:
    version = SimpleNamespace(
        number=number, meta={}, run=SimpleNamespace(epochs=epochs), report=SimpleNamespace(evaluation=evaluation)
    )
    return VersionReport(cast(Any, version))


def test_every_chart_is_xml_with_all_its_texts_and_no_color() -> None:
    charts = report_charts(report(predictions(40, kind="scratch")))
    charts["training"] = training_chart({"fold-0": CURVE, "final": CURVE}, early_stopped=True)

    assert set(charts) == NAMES
    for name, chart in charts.items():
        svg = chart_svg(chart, f"caption of {name}")
        text = shown(svg)
        assert all(mark.text in text for mark in chart.marks if isinstance(mark, Text)), name
        assert f'aria-label="caption of {name}"' in svg and not re.search("#[0-9a-f]{6}|style=|nan", svg)


def test_texts_are_escaped_and_those_beside_the_axes_fit() -> None:
    marks = [Line([(0, 0), (1, 1)], "ink"), Text((1, 0.5), "<b>a long name beside it", offset=(4, 4))]
    svg = chart_svg(Chart("A & B", share_axis(), Axis(0, 2, [(0, "0"), (2, "2")]), marks))

    assert "<b>" not in svg and "<b>a long name beside it" in shown(svg) and "A & B" in shown(svg)
    [end] = [float(x) for x, text in re.findall(r'x="([\d.]+)"[^>]*>([^<]*)<', svg) if "long name" in text]
    assert end + 6 * len("<b>a long name beside it") <= 420


def test_versions_share_their_axes_and_each_is_named_at_its_end() -> None:
    reports = [version_report(number, report(predictions(count)), []) for number, count in ((3, 20), (8, 40))]

    for name in ("precision_recall", "cost", "calibration"):
        svg = compared_figure(reports, name)
        assert "v3" in shown(svg) and "v8" in shown(svg) and svg.count("name one-") == 2
    assert "No version has this curve." in compared_figure(reports, "labels")


def test_a_version_without_the_curve_keeps_its_color_in_the_legend() -> None:
    lacking = report(predictions(20))
    del lacking["curves"]
    reports = [version_report(3, lacking, []), version_report(8, report(predictions(40)), [])]

    svg = compared_figure(reports, "cost")
    assert "v3" not in shown(svg) and "v8" in shown(svg) and "name one-2" in svg and "name one-1" not in svg


def test_a_runs_epochs_are_drawn_without_those_of_auxiliary_heads() -> None:
    def epochs(stage: str, losses: list[float]) -> list[dict[str, Any]]:
        return [
            {"stage": f"{stage}, epoch {number}", "epoch": number, "train_loss": loss / 2, "validation_loss": loss}
            for number, loss in enumerate(losses, 1)
        ]

    run = [*epochs("fold 1 of 2", [0.5, 0.4]), *epochs("fold 1 of 2, by another", [9.0]), *epochs("final", [0.3, 0.2])]
    assert validation_losses(run) == {"fold 1 of 2": [0.5, 0.4], "final": [0.3, 0.2]}
    holdout = [row | {"stage": row["stage"].removeprefix("final, ")} for row in epochs("final", [0.3, 0.2])]
    assert validation_losses([*holdout, *epochs("auxiliary backbone", [9.0])]) == {"": [0.3, 0.2]}
    drawn = figure(version_report(1, report(predictions(20)), run), "training")
    assert "best at epoch 2" in shown(drawn)
    svg = epochs_chart(epochs("final", [0.3, 0.2]))
    assert "training 0.100" in shown(svg) and "validation 0.200" in shown(svg)
    assert epochs_chart([]) == ""


@pytest.mark.parametrize("target", [0, 1])
def test_a_report_of_one_class_is_drawn(target: int) -> None:
    training = training_chart({"holdout": CURVE[:1]}, early_stopped=False)
    for chart in (*report_charts(report(predictions(5, target))).values(), training):
        assert shown(chart_svg(chart))


@pytest.mark.parametrize("lacking", ["review_band", "cost_matrix", "curves"])
def test_a_report_without_the_numbers_has_no_chart(lacking: str) -> None:
    evaluation = report(predictions(20))
    del evaluation[lacking]
    assert version_report(1, evaluation, []).charts == {}
