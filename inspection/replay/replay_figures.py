"""Figures of a finished replay that pages and the gate read in the same way.

``Replay.figures`` of earlier releases lack ``judged``: their number of labeled images stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inspection.replay.sample_size import MIN_PARTS, has_enough_parts

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReplayCost:
    """Cost of 1000 parts as estimates by the candidate and, beside a champion, by it and the difference of the two.

    ``corrected`` is True where parts are weighted by one over their chance to be labeled: then it is the line's cost.
    """

    candidate: dict[str, Any]
    champion: dict[str, Any] | None
    difference: dict[str, Any] | None
    corrected: bool


def evidence_part_count(figures: Figures) -> int:
    """Return the number of labeled parts that neither version learned from, several images of one part counted once."""
    return int(figures.get("judged", figures.get("evidence", 0)))


def has_enough_evidence(figures: Figures) -> bool:
    """Return True if enough judged parts stand behind the comparison of the two versions."""
    return evidence_part_count(figures) >= MIN_PARTS


def replay_cost(figures: Figures) -> ReplayCost | None:
    """Return the line's cost, or the cost as counted where too few labeled parts came by chance; None for too few."""
    for name in ("corrected", "counted"):
        estimates = figures.get("cost", {}).get(name, {})
        if has_enough_parts(estimates.get("candidate")):
            pair = estimates.get("champion"), estimates.get("difference")
            return ReplayCost(estimates["candidate"], *pair, corrected=name == "corrected")
    return None
