"""Figures of one version, and several versions' curves on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mltasks.reports.version_report import PLOT_CAPTIONS, VersionReport
from mltasks.vision.evaluation.chart import (
    Axis,
    Chart,
    Dots,
    Line,
    Mark,
    Point,
    Text,
    number_axis,
)
from webapp.templatetags.chart_svg import chart_svg

register = template.Library()
# Distance of the curves' names, as a share of the axis
NAME_GAP = 0.085


class Curve(NamedTuple):
    """Curve with its name and marked points."""

    name: str
    points: Sequence[Point]
    dots: Sequence[Point] = ()


@register.simple_tag
def figure(report: VersionReport, name: str) -> SafeString:
    """Return a chart drawn from the report's numbers, else the stored plot, else nothing."""
    caption = str(PLOT_CAPTIONS[name])
    chart = report.training_chart if name == "training" else report.charts.get(name)
    if chart is not None:
        return chart_svg(chart, caption)
    plot = report.plot(name)
    if plot is None:
        return SafeString()
    address = reverse("version-file", args=[report.version.model.name, report.version.number, plot.name])
    return format_html(
        '<figure class="drawn stored"><img src="{}" width="{}" height="{}" alt="{}" loading="lazy"></figure>',
        address, plot.width, plot.height, caption,
    )  # fmt: skip


@register.simple_tag
def compared_figure(reports: Sequence[VersionReport], name: str) -> SafeString:
    """Return one figure of several versions on the same axes: each one's curve and dots."""
    charts = [report.charts[name] for report in reports if name in report.charts]
    # A version without this chart keeps its number, so that colors are those of the page's legend.
    curves = []
    for report in reports:
        marks = report.charts[name].marks if name in report.charts else []
        dots = [point for mark in marks if isinstance(mark, Dots) for point in mark.points]
        lines = [mark.points for mark in marks if isinstance(mark, Line) and not mark.thin]
        curves.append(Curve(f"v{report.version.number}", lines[0] if lines else dots, dots))
    if not any(curve.points for curve in curves):
        return format_html('<p class="muted">{}</p>', _("No version has this curve."))
    first, y = charts[0], max((chart.y for chart in charts), key=lambda axis: axis.high)
    guides = [mark for mark in first.marks if isinstance(mark, Line) and mark.color == "line"]
    x = first.x._replace(label=first.x.label.split("\n")[0])
    return _draw(first.title, x, y._replace(label=""), curves, *guides)


@register.simple_tag
def epochs_chart(epochs: Sequence[Mapping[str, Any]]) -> SafeString:
    """Return training and validation loss by epoch, for epochs with a loss."""
    curves = []
    for key, name in (("train_loss", _("training")), ("validation_loss", _("validation"))):
        losses = [float(epoch[key]) for epoch in epochs if isinstance(epoch.get(key), int | float)]
        if len(losses) > 1:
            curves.append(Curve(f"{name} {losses[-1]:.3f}", list(enumerate(losses, 1))))
    if not curves:
        return SafeString()
    last = max(len(curve.points) for curve in curves)
    x = Axis(1, last, list({1: "1", **dict(number_axis(last, step=1).ticks[1:])}.items()), _("Epoch"))
    y = number_axis(max(loss for curve in curves for _at, loss in curve.points))
    return _draw(_("Training and validation loss"), x, y, curves)


def _draw(title: str, x: Axis, y: Axis, curves: Sequence[Curve], *marks: Mark) -> SafeString:
    """Draw each curve in a color and a dash of its own, with its name at its end."""
    numbered = {number: curve for number, curve in enumerate(curves, 1) if curve.points}
    heights = _name_positions({number: y.share(curve.points[-1][1]) for number, curve in numbered.items()})
    drawn = list(marks)
    for number, curve in numbered.items():
        color, beside = f"one-{number}", (x.value(1.03), y.value(heights[number]))
        drawn += [
            Line(curve.points, color),
            Line([curve.points[-1], beside], f"leader {color}", thin=True),
            Dots(curve.dots, color),
            Text(beside, curve.name, f"name {color}", offset=(4, 4)),
        ]
    names = ", ".join(curve.name for curve in numbered.values())
    return chart_svg(Chart(title, x, y, drawn, 360, 250), f"{title}: {names}")


def _name_positions(ends: Mapping[int, float]) -> dict[int, float]:
    """Return the heights of the curves' names near their ends, as shares without overlaps."""
    heights: dict[int, float] = {}
    highest = 1.0
    ordered = sorted(ends, key=lambda number: (-ends[number], number))
    for below, number in zip(range(len(ordered) - 1, -1, -1), ordered, strict=True):
        heights[number] = min(highest, max(ends[number], NAME_GAP * below))
        highest = heights[number] - NAME_GAP
    return heights
