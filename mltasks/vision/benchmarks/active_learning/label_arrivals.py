"""Labeling plan of a learning curve, and the number of labels that a strategy needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Self

from mltasks.vision.serving.queue_priority import DEFAULT_STRATEGY, PRIORITY

# Share of the average precision with all labels
GOAL_SHARE = 0.98
BASELINE = "random"


@dataclass(frozen=True, slots=True)
class LabelingPlan:
    """Start labels of both classes, and ``a_night`` more per night, chosen by a strategy."""

    start_good: int = 16
    start_defective: int = 21
    a_night: int = 40
    nights: int = 8
    strategies: tuple[str, ...] = (DEFAULT_STRATEGY, BASELINE)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return the labeling plan in the settings, and the other settings.

        Raises ValueError for unknown strategies and for counts below 1.
        """
        names = {item.name for item in fields(cls)}
        own = {name: value for name, value in settings.items() if name in names}
        plan = cls(**{**own, "strategies": tuple(own.get("strategies", cls().strategies))})
        if unknown := [name for name in plan.strategies if name not in PRIORITY]:
            raise ValueError(f"Unknown strategies: {', '.join(unknown)}. Choose from: {', '.join(PRIORITY)}.")
        if min(plan.start_good, plan.start_defective, plan.a_night, plan.nights) < 1 or not plan.strategies:
            raise ValueError("Use 1 or more for start_good, start_defective, a_night, nights and strategies.")
        return plan, {name: value for name, value in settings.items() if name not in names}

    @property
    def start_labels(self) -> int:
        """Return the number of labels to start with."""
        return self.start_good + self.start_defective

    def night_title(self, number: int) -> str:
        """Return a night's title in tables: the labels by then, unless the stream runs out earlier."""
        return f"night {number}, {self.start_labels + number * self.a_night} labels"


@dataclass(frozen=True, slots=True)
class StrategyCurve:
    """Average precision by number of labels after each night, and with all labels."""

    labels: Sequence[int]
    average_precisions: Sequence[float]
    all_labels: int
    all_labels_precision: float

    @property
    def goal_reached(self) -> bool:
        """Return True if the average precision reached the goal on any night."""
        return max(self.average_precisions) >= GOAL_SHARE * self.all_labels_precision

    def labels_needed(self) -> float:
        """Return the number of labels at which the goal is first reached.

        Interpolates linearly between nights, and between the last night and all labels.
        """
        goal = GOAL_SHARE * self.all_labels_precision
        points = [*zip(self.labels, self.average_precisions, strict=True), (self.all_labels, self.all_labels_precision)]
        if points[0][1] >= goal:
            return float(points[0][0])
        for (few, low), (many, high) in pairwise(points):
            if high >= goal:
                return few + (many - few) * (goal - low) / (high - low)
        return float(self.all_labels)


def compare_strategies(curves: Mapping[str, StrategyCurve]) -> dict[str, float]:
    """Return each strategy's labels needed, goal reached, and labels over the baseline's.

    ``reached`` is 1 or 0. At 0, the number of labels is interpolated between the last night and all labels.
    """
    needed = {name: curve.labels_needed() for name, curve in curves.items()}
    return {
        **{f"labels by {name}": count for name, count in needed.items()},
        **{f"reached by {name}": float(curve.goal_reached) for name, curve in curves.items()},
        **{
            f"{name} / {BASELINE}": needed[name] / needed[BASELINE]
            for name in curves
            if name != BASELINE and BASELINE in curves
        },
    }
