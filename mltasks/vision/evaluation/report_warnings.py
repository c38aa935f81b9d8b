"""Report warnings: caveats about the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.types import DEFECT, GOOD

MIN_PARTS_PER_CLASS = 30
MIN_PARTS_PER_TYPE = 5


def report_warnings(predictions: Sequence[Prediction], confusion: Mapping[str, int], weights: str) -> list[str]:
    """Return the warnings as sentences, the most important first; empty if there are none."""
    return [*_verdict_warnings(confusion, weights), *_part_warnings(predictions), *_type_warnings(predictions)]


def _verdict_warnings(confusion: Mapping[str, int], weights: str) -> Iterator[str]:
    if weights == "random":
        yield "The backbone started from random weights, without pretraining. Expect more errors than with pretraining."
    if not confusion["true_pass"] + confusion["escape"]:
        yield "At these costs every part would FAIL: no part has a low enough defect probability to pass."
    elif not confusion["true_fail"] + confusion["false_alarm"]:
        yield "At these costs every part would PASS: no part has a high enough defect probability to fail."


def _part_warnings(predictions: Sequence[Prediction]) -> Iterator[str]:
    good, defective = ([row for row in predictions if row.target == target] for target in (GOOD, DEFECT))
    if good and defective and max(row.probability for row in good) < min(row.probability for row in defective):
        yield "Every defective part ranks above every good part. The interval cannot show how much of this is chance."
    for rows, name in ((good, "good"), (defective, "defective")):
        parts = len({row.part for row in rows})
        if parts == 0:
            yield f"No {name} part was measured: the figures that need one are missing."
        elif parts < MIN_PARTS_PER_CLASS:
            yield f"Only {parts} {name} parts were measured: compare intervals, not single values."


def _type_warnings(predictions: Sequence[Prediction]) -> Iterator[str]:
    defects = [row.defect_type for row in predictions if row.target == DEFECT]
    counts = Counter(filter(None, defects))
    if defects and not counts:
        yield "No defect has a type: recall by defect type is missing."
    if few := [f"{name} ({count})" for name, count in sorted(counts.items()) if count < MIN_PARTS_PER_TYPE]:
        yield f"Defect types with fewer than {MIN_PARTS_PER_TYPE} images: {', '.join(few)}."
