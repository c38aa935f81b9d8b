"""Charts as data: axes and marks, drawn by matplotlib into files and as SVG into pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Report = Mapping[str, Any]
Translate = Callable[[str], str]
Point = tuple[float, float]
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
# In pixels: distance of texts from what they name, and height of a line of text
TEXT_GAP, LINE_HEIGHT = 6, 16


class Axis(NamedTuple):
    """Axis from ``low``, which is above ``high`` if values ascend downwards; the label may have several lines."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    label: str = ""
    log: bool = False

    def share(self, value: float) -> float:
        """Return the position of a value as a share of the axis."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def value(self, share: float) -> float:
        """Return the value at a share of the axis."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)


class Line(NamedTuple):
    """Line through points; ``thin`` for intervals and thresholds."""

    points: Sequence[Point]
    color: str
    thin: bool = False
    dashed: bool = False


class Area(NamedTuple):
    """Area between two lines, transparent unless ``solid``."""

    upper: Sequence[Point]
    lower: Sequence[Point]
    color: str
    solid: bool = False


class Dots(NamedTuple):
    """Dots of one color."""

    points: Sequence[Point]
    color: str
    small: bool = False


class Text(NamedTuple):
    """One line of text on its baseline at a point, moved by ``offset`` (pixels right, down)."""

    at: Point
    text: str
    color: str = "muted"
    anchor: str = "start"  # or "middle", "end"
    offset: Point = (0, 0)
    large: bool = False


Mark = Line | Area | Dots | Text


class Chart(NamedTuple):
    """Title, axes and marks in drawing order; width and height in pixels."""

    title: str
    x: Axis
    y: Axis
    marks: Sequence[Mark]
    width: int = 420
    height: int = 270


def box(left: float, right: float, top: float, floor: float, color: str, solid: bool = False) -> Area:
    """Return a rectangle."""
    return Area([(left, top), (right, top)], [(left, floor), (right, floor)], color, solid)


def interval_line(
    at: Point, x: Mapping[str, float] | None = None, y: Mapping[str, float] | None = None, color: str = "muted"
) -> Line:
    """Return the interval ``low`` to ``high`` of an estimate along x or y through a point."""
    ends = [(x[end], at[1]) if x else (at[0], y[end] if y else at[1]) for end in ("low", "high")]
    return Line(ends, color, thin=True)


def empty_chart(title: str, x: Axis, y: Axis, text: str) -> Chart:
    """Return a chart with a text in place of marks."""
    return Chart(title, x, y, [Text((x.value(0.5), y.value(0.5)), text, anchor="middle")])


def share_axis(label: str = "", high: float = 1.0) -> Axis:
    """Return an axis of shares with ticks from 0 to 100 %; ``high`` above 1 leaves room for texts."""
    return Axis(0, high, [(part, "100 %" if part == 1 else f"{100 * part:g}") for part in QUARTERS], label)


def high_share_axis(lowest: float, label: str = "") -> Axis:
    """Return an axis of shares from the tenth below ``lowest``, at most 90 %, to 100 %, with room for dots."""
    floor = min(9, max(0, int(10 * lowest - 0.01)))
    step = 2 if floor == 9 else 5 if floor >= 7 else 10
    return Axis(floor / 10, 1.02, [(at / 100, f"{at} %") for at in range(10 * floor, 101, step)], label)


def number_axis(top: float, label: str = "", room: float = 1.0, step: float = 0.0) -> Axis:
    """Return an axis from 0 to ``room`` times ``top`` with round ticks, at least ``step`` apart."""
    apart = nice_ceiling(max(top / 4, step)) if top else 1.0
    ticks = [apart * number for number in range(int(top / apart) + 1)]
    return Axis(0, room * (top or 1.0), [(tick, f"{tick:,.10g}") for tick in ticks], label)


def log_axis(low: float, high: float, label: str = "", unit: str = "") -> Axis:
    """Return a logarithmic axis with ticks at 1, 2 and 5 of each decade, at most seven."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) > 7:
        inside = [tick for tick in inside if f"{tick:e}".startswith("1.0")]
    return Axis(low, high, [(tick, f"{tick:g}{unit}") for tick in inside], label, log=True)


def row_axis(names: Sequence[str]) -> Axis:
    """Return a vertical axis with one named row per integer, the first on top."""
    return Axis(len(names) - 0.4, -0.6, list(enumerate(names)))


def nice_ceiling(value: float) -> float:
    """Return the smallest of 1, 2, 5 × a power of ten that is at least ``value`` (> 0)."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def step_line(levels: Iterable[Point]) -> list[Point]:
    """Return the corners of a step line from x = 0: up to each x, the height of the first level there."""
    corners: list[Point] = []
    left = 0.0
    for x, y in levels:
        if x > left:
            corners += [(left, y), (x, y)]
            left = x
    return corners


def corner_texts(
    x: Axis, top: float, lines: Sequence[tuple[str, str]], left: bool = False, first: int = 0
) -> list[Text]:
    """Return lines of (text, color) below each other at a side, from line ``first`` below ``top`` on."""
    at, anchor, aside = (x.low, "start", TEXT_GAP) if left else (x.high, "end", -TEXT_GAP)
    return [
        Text((at, top), text, color, anchor, (aside, LINE_HEIGHT * number))
        for number, (text, color) in enumerate(lines, first + 1)
    ]


def threshold_marks(x: Axis, y: Axis, threshold: float, texts: Sequence[str], color: str) -> list[Mark]:
    """Return a dashed vertical line with texts on its roomier side, below a band strip."""
    anchor, aside = ("end", -TEXT_GAP) if x.share(threshold) > 0.5 else ("start", TEXT_GAP)
    top = threshold, y.value(0.95)
    named = [Text(top, text, color, anchor, (aside, LINE_HEIGHT * line)) for line, text in enumerate(texts, 1)]
    return [Line([(threshold, y.low), top], color, thin=True, dashed=True), *named]


def band_strip(band: Mapping[str, float], y: Axis, _: Translate) -> list[Mark]:
    """Return PASS, REVIEW and FAIL as a strip along the top of a share axis, with labels above."""
    low, high = band["low"], band["high"]
    top, floor = y.value(0.995), y.value(0.96)
    ends = [("pass", 0.0, low), ("review", low, high), ("fail", high, 1.0)]
    strips = [box(a, b, top, floor, color, solid=True) for color, a, b in ends if b > a]
    texts = [
        Text((0, y.high), _("PASS"), "pass-ink", "start", (0, -4)),
        Text((1, y.high), _("FAIL"), "fail-ink", "end", (0, -4)),
    ]
    if high > low:
        middle = min(max((low + high) / 2, 0.3), 0.7)
        texts.append(Text((middle, y.high), _("REVIEW"), "review-ink", "middle", (0, -4)))
    return [*strips, *texts]
