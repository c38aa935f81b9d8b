"""Accessors of a finished replay's figures, shared by pages and the gate.

``Replay.figures`` of earlier releases lack ``judged``; the number of labeled images replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inspection.models import Verdict
from inspection.replay.sample_size import has_enough_parts

Figures = Mapping[str, Any]
# Verdict, then for each verdict of the other version: that verdict, the number of parts, and True if both are equal.
MatrixRow = tuple[str, list[tuple[str, int, bool]]]
VERDICT_ORDER = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class ReplayCost:
    """Estimated cost of 1000 parts by the candidate, by the champion, and their difference.

    Without a champion the latter two are missing. ``corrected`` is True if parts are weighted by 1 / inclusion
    probability: then it is the line's cost.
    """

    candidate: dict[str, Any]
    champion: dict[str, Any] | None
    difference: dict[str, Any] | None
    corrected: bool


def evidence_part_count(figures: Figures) -> int:
    """Return the number of labeled parts, not images, that neither version trained on."""
    return int(figures.get("judged", figures.get("evidence", 0)))


def matrix_rows(matrix: Mapping[str, Mapping[str, int]]) -> list[MatrixRow]:
    """Return the rows of a matrix of verdicts in page order; empty without a matrix."""
    return [
        (
            str(champion),
            [(str(candidate), matrix[champion][candidate], candidate == champion) for candidate in VERDICT_ORDER],
        )
        for champion in VERDICT_ORDER
        if champion in matrix
    ]


def replay_cost(figures: Figures) -> ReplayCost | None:
    """Return the line's cost, or the cost as counted; None for too few parts.

    The cost as counted is used if too few labeled parts were sampled by chance.
    """
    for name in ("corrected", "counted"):
        estimates = figures.get("cost", {}).get(name, {})
        if has_enough_parts(estimates.get("candidate")):
            pair = estimates.get("champion"), estimates.get("difference")
            return ReplayCost(estimates["candidate"], *pair, corrected=name == "corrected")
    return None
