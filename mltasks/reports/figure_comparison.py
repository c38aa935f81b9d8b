"""Comparison of several versions' figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from django.utils.translation import gettext as _

from mltasks.reports.report_figures import FIGURES, Figure
from mltasks.reports.version_report import EQUALITY_TOLERANCE, VersionReport

StoredEstimate = Mapping[str, Any] | None


@dataclass(frozen=True)
class ComparedFigure:
    """Figure of every compared version.

    ``best_index`` is the position of the clearly best one. ``difference`` describes how the second of two versions
    differs from the first; ``worse`` is True if the second is worse.
    """

    title: str
    estimates: list[dict[str, Any] | None]
    best_index: int | None
    difference: str
    worse: bool


def compare_figures(reports: Sequence[VersionReport]) -> list[ComparedFigure]:
    """Return one row per figure that a report has; the estimate is None where it is missing."""
    rows = [(figure, [report.metrics.get(figure.name) for report in reports]) for figure in FIGURES]
    return [_compare_figure(figure, estimates) for figure, estimates in rows if figure.is_compared and any(estimates)]


def _compare_figure(figure: Figure, estimates: list[dict[str, Any] | None]) -> ComparedFigure:
    baseline, estimate = estimates if len(estimates) == 2 else (None, None)
    return ComparedFigure(
        figure.full_title,
        estimates,
        index_of_best(estimates, figure.more_is_better),
        difference_text(estimate, baseline, figure.more_is_better),
        _is_worse(estimate, baseline, figure.more_is_better),
    )


def _is_worse(estimate: StoredEstimate, baseline: StoredEstimate, more_is_better: bool) -> bool:
    if not _is_measured(estimate) or not _is_measured(baseline):
        return False
    gap: float = estimate["value"] - baseline["value"]
    return abs(gap) >= EQUALITY_TOLERANCE and (gap > 0) != more_is_better


def cost_difference(candidate: VersionReport, champion: VersionReport | None) -> float | None:
    """Return the candidate's extra cost per 1000 parts; None if a cost is unknown."""
    if champion is None or candidate.cost is None or champion.cost is None:
        return None
    return candidate.cost[0] - champion.cost[0]


def difference_text(estimate: StoredEstimate, baseline: StoredEstimate, more_is_better: bool) -> str:
    """Return a text on the difference and its significance; empty if a value is missing."""
    if not _is_measured(estimate) or not _is_measured(baseline):
        return ""
    gap = estimate["value"] - baseline["value"]
    if abs(gap) < EQUALITY_TOLERANCE:
        return _("the same")
    better = _("{points} points better, not significant"), _("{points} points better")
    worse = _("{points} points worse, not significant"), _("{points} points worse")
    text = (better if (gap > 0) == more_is_better else worse)[_intervals_disjoint(estimate, baseline)]
    return text.format(points=f"{abs(gap) * 100:.1f}")


def is_clearly_worse(estimate: StoredEstimate, baseline: StoredEstimate, more_is_better: bool) -> bool:
    """Return True if the estimate is worse than the baseline and their intervals do not overlap."""
    return _is_worse(estimate, baseline, more_is_better) and _intervals_disjoint(estimate, baseline)


def index_of_best(estimates: Sequence[StoredEstimate], more_is_better: bool) -> int | None:
    """Return the index of the estimate that is better than all others with disjoint intervals.

    None if there is no such estimate, or fewer than two estimates.
    """
    measured = {at: estimate for at, estimate in enumerate(estimates) if _is_measured(estimate)}
    if len(measured) < 2:
        return None
    best = (max if more_is_better else min)(measured, key=lambda at: measured[at]["value"])
    winner = measured.pop(best)
    return best if all(_intervals_disjoint(winner, estimate) for estimate in measured.values()) else None


def _is_measured(estimate: StoredEstimate) -> TypeGuard[Mapping[str, Any]]:
    return estimate is not None and estimate.get("value") is not None


def _intervals_disjoint(estimate: StoredEstimate, baseline: StoredEstimate) -> bool:
    """Return True if both intervals are known and do not overlap."""
    intervals = [(row["low"], row["high"]) for row in (estimate, baseline) if row and row.get("low") is not None]
    if len(intervals) < 2:
        return False
    (low, high), (baseline_low, baseline_high) = intervals
    return bool(low > baseline_high or high < baseline_low)
