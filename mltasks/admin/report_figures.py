"""An estimated figure as the admin shows it: in words, with its interval and counts, and as positions on a bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mltasks.models import ModelVersion
from mltasks.reports.figure_comparison import compare
from mltasks.reports.version_report import FIGURES, Reading

Estimate = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A share in words; ``bar`` draws it as a dot on its interval, and is empty where there is none."""

    value: str
    interval: str = ""
    n: int = 0
    parts: int = 0
    bar: SafeString | str = ""


def shown(estimate: Estimate | None) -> Shown:
    """A share in [0, 1] with its 95 % interval; what a report lacks or could not measure says so."""
    if estimate is None:
        return Shown(_("not reported"))
    value, low, high = (estimate.get(name) for name in ("value", "low", "high"))
    counts = int(estimate.get("n") or 0), int(estimate.get("parts") or 0)
    if value is None or low is None or high is None:
        return Shown(_("not measurable") if value is None else percent(value), "", *counts)
    interval = _("{low} to {high}").format(low=percent(low), high=percent(high))
    return Shown(percent(value), interval, *counts, _bar(value, low, high))


def figures(read: Reading) -> list[tuple[str, str, Shown]]:
    """Title, meaning and value of each figure that the report has."""
    found = [(title, words, read.metrics[name]) for name, title, words in FIGURES if name in read.metrics]
    return [(str(title), str(words), shown(estimate)) for title, words, estimate in found]


def side_by_side(candidate: ModelVersion, champion: ModelVersion | None) -> list[tuple[str, Shown, Shown, str]]:
    """Each compared figure: its words, the candidate's, the champion's, and what to make of the difference."""
    rows = compare(candidate, champion)
    return [(row.words, shown(row.candidate), shown(row.champion), row.difference) for row in rows]


def percent(share: float) -> str:
    """A share with one decimal, none where it is whole."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _bar(value: float, low: float, high: float) -> SafeString:
    return format_html(
        '<svg class="sl-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="sl-track" width="100" height="8"/><rect class="sl-span" x="{}" width="{}" height="8"/>'
        '<rect class="sl-dot" x="{}" width="2" height="8"/></svg>',
        round(100 * low, 2),
        round(100 * (high - low), 2),
        round(min(98.0, max(0.0, 100 * value - 1)), 2),
    )
