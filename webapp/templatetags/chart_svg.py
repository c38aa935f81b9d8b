"""Charts as SVG in a page: classes instead of colors, so that a chart follows the page's theme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from mltasks.vision.evaluation.chart import LINE_HEIGHT, Area, Chart, Dots, Line, Mark, Point, Text
from webapp.templatetags.line_simplification import downsample, simplify_line

# In pixels: width of a letter, and of the columns and the tolerance to which lines are simplified
LETTER, COLUMN_WIDTH, LINE_TOLERANCE = 7.0, 2.0, 0.4


def chart_svg(chart: Chart, label: str = "") -> SafeString:
    """Return the chart as a figure with its title; ``label`` describes it to screen readers."""
    canvas = _Canvas.from_chart(chart)
    lines = chart.title.split("\n")
    caption = "<br>".join(escape(line) for line in lines)
    marks = "".join(canvas.draw(mark) for mark in chart.marks)
    svg = (
        f'<svg class="chart" viewBox="0 0 {chart.width} {chart.height}" role="img"'
        f' aria-label="{escape(label or " ".join(lines))}">{canvas.axes()}{marks}</svg>'
    )
    return mark_safe(f'<figure class="drawn"><figcaption>{caption}</figcaption>{svg}</figure>')  # noqa: S308 - escaped


@dataclass(frozen=True, slots=True)
class _Canvas:
    chart: Chart
    left: float
    right: float
    top: float
    floor: float

    @classmethod
    def from_chart(cls, chart: Chart) -> _Canvas:
        """Return the canvas whose margins hold the ticks, the labels and the texts beside the axes."""
        left = 10 + LETTER * max((len(text) for _, text in chart.y.ticks), default=0) + (18 if chart.y.label else 0)
        beside = [mark for mark in chart.marks if isinstance(mark, Text) and mark.anchor == "start"]
        needs = [
            chart.width * (share - 1) + LETTER * len(text.text) + text.offset[0]
            for text in beside
            if (share := chart.x.share(text.at[0])) >= 1
        ]
        lines = 1 + len(chart.x.label.split("\n")) if chart.x.label else 1
        return cls(chart, left, chart.width - max([22, *needs]), 18, chart.height - 6 - LINE_HEIGHT * lines)

    def place(self, point: Point) -> Point:
        """Return a point in pixels."""
        x, y = self.chart.x.share(point[0]), self.chart.y.share(point[1])
        return self.left + x * (self.right - self.left), self.floor - y * (self.floor - self.top)

    def draw(self, mark: Mark) -> str:
        """Return the SVG of one mark."""
        if isinstance(mark, Line):
            kind = " thin" * mark.thin + " dashed" * mark.dashed
            return f'<path class="curve{kind} {mark.color}" d="{_path(self._simplified(mark.points))}"/>'
        if isinstance(mark, Area):
            outline = [*self._simplified(mark.upper), *reversed(self._simplified(mark.lower))]
            return f'<path class="area{" solid" * mark.solid} {mark.color}" d="{_path(outline)}z"/>'
        if isinstance(mark, Dots):
            dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in map(self.place, mark.points))
            return f'<path class="dots{" small" * mark.small} {mark.color}" d="{dots}"/>'
        x, y = self.place(mark.at)
        return self._text(x + mark.offset[0], y + mark.offset[1], mark.text, f"{mark.color} {mark.anchor}")

    def axes(self) -> str:
        """Return the axes with their ticks and labels."""
        x, y = self.chart.x, self.chart.y
        parts = [f'<path class="axis" d="M{self.left:g} {self.top}V{self.floor:g}H{self.right:g}"/>']
        for value, text in x.ticks:
            across, _ = self.place((value, y.low))
            parts.append(self._text(across, self.floor + LINE_HEIGHT, text, "middle"))
        for value, text in y.ticks:
            _, down = self.place((x.low, value))
            parts.append(self._text(self.left - 6, down + 4, text, "end"))
        for number, line in enumerate(x.label.split("\n"), 2):
            parts.append(self._text(self.left, self.floor + LINE_HEIGHT * number, line, "start"))
        if y.label:
            turn = f' transform="rotate(-90 12 {self.floor:g})"'
            parts.append(self._text(12, self.floor, y.label, "start", turn))
        return "".join(parts)

    def _text(self, x: float, y: float, text: str, classes: str, turn: str = "") -> str:
        return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}"{turn}>{escape(text)}</text>' if text else ""

    def _simplified(self, points: Sequence[Point]) -> list[Point]:
        """Return the points in pixels, in steps of half a pixel, no more than the chart can show."""
        placed = simplify_line(downsample([self.place(point) for point in points], COLUMN_WIDTH), LINE_TOLERANCE)
        return [(round(2 * x) / 2, round(2 * y) / 2) for x, y in placed]


def _path(points: Sequence[Point]) -> str:
    """Return lines from point to point in relative coordinates, which take half the bytes."""
    if not points:
        return ""
    steps = ((x - a, y - b) for (a, b), (x, y) in pairwise(points))
    return f"M{points[0][0]:g} {points[0][1]:g}l" + " ".join(f"{across:g} {down:g}" for across, down in steps)
