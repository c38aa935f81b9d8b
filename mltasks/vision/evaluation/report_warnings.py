"""Report warnings: caveats about the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.types import DEFECT, GOOD

MIN_PARTS_PER_CLASS = 30
MIN_PARTS_PER_TYPE = 5


def report_warnings(predictions: Sequence[Prediction], confusion: Mapping[str, int], weights: str) -> list[str]:
    """Return the warnings as sentences, the most important first; empty if there are none."""
    return [
        *_weights_warnings(weights),
        *_one_sided_warnings(confusion),
        *_separation_warnings(predictions),
        *_count_warnings(predictions),
        *_type_warnings(predictions),
    ]


def _weights_warnings(weights: str) -> list[str]:
    if weights == "random":
        return ["Trained from random weights: nothing was learned elsewhere before. Expect little."]
    return []


def _one_sided_warnings(confusion: Mapping[str, int]) -> list[str]:
    if not confusion["true_pass"] + confusion["escape"]:
        return ["At these costs every part would FAIL: the version can't tell good parts surely enough to pass any."]
    if not confusion["true_fail"] + confusion["false_alarm"]:
        return ["At these costs every part would PASS: the version finds no defect surely enough to fail any."]
    return []


def _separation_warnings(predictions: Sequence[Prediction]) -> list[str]:
    good = [one.probability for one in predictions if one.target == GOOD]
    defective = [one.probability for one in predictions if one.target == DEFECT]
    if good and defective and max(good) < min(defective):
        return ["Every defective part ranks above every good one: the ranking's interval can't show how lucky that is."]
    return []


def _count_warnings(predictions: Sequence[Prediction]) -> list[str]:
    found = []
    for target, word in ((GOOD, "good"), (DEFECT, "defective")):
        parts = len({one.part for one in predictions if one.target == target})
        if parts == 0:
            found.append(f"No {word} part was measured: the figures that need one are missing.")
        elif parts < MIN_PARTS_PER_CLASS:
            found.append(f"Only {parts} {word} parts were measured: read each figure as its interval.")
    return found


def _type_warnings(predictions: Sequence[Prediction]) -> list[str]:
    defects = [one for one in predictions if one.target == DEFECT]
    named = Counter(one.defect_type for one in defects if one.defect_type)
    if defects and not named:
        return ["No defect has a type: recall can't be told apart by kind of defect."]
    few = [f"{name} ({count})" for name, count in sorted(named.items()) if count < MIN_PARTS_PER_TYPE]
    return [f"Defect types with hardly any example: {', '.join(few)}."] if few else []
