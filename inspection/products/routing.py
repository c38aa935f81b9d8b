"""PASS, FAIL or REVIEW, and why. Pure: no Django, no torch, no clock, no chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from inspection.products.hash_sampling import hash_uniform
from mltasks.vision.serving.thresholds import Bands, cost_bands
from mltasks.vision.types import Costs, Scores

VerdictName = Literal["PASS", "FAIL", "REVIEW"]
ModelVerdictName = Literal["PASS", "FAIL"]
ReasonName = Literal["low_confidence", "novel_anomaly", "no_model", "scoring_failed", "audit_sample", "damaged_image"]


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """A product's bands, which its costs and its escape promise made, and the shares (0 to 1) of sure PASS and of sure
    FAIL parts that a person looks at anyway."""

    bands: Bands = field(default_factory=lambda: cost_bands(Costs()))
    audit_share: float = 0.0
    fail_audit_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to a part, the model's own label (None when nothing scored it), why a person is asked, and the
    chance (0 to 1) that one is asked of such a part: what its label must be weighed by."""

    verdict: VerdictName
    model_verdict: ModelVerdictName | None
    reasons: tuple[ReasonName, ...] = ()
    inclusion_probability: float = 1.0


NO_MODEL = Decision("REVIEW", None, ("no_model",))
SCORING_FAILED = Decision("REVIEW", None, ("scoring_failed",))
DAMAGED_IMAGE: tuple[ReasonName, ...] = ("damaged_image",)


def decide(scores: Scores | None, policy: RoutingPolicy, *, audit_value: float, damaged: bool = False) -> Decision:
    """Route one part by the bands its product has now.

    A person is asked inside the review band, when a novelty detector is over its threshold, however sure the classifier
    is, when the image file is ``damaged``, and for sure verdicts whose ``audit_sample_value`` in [0, 1) lies below
    their audit
    share. Without scores there was no model. Raises ValueError for scores that are no numbers: NaN compares as a sure
    pass.
    """
    if scores is None:
        return no_model(damaged=damaged)
    _check_scores(scores)
    label: ModelVerdictName = "FAIL" if policy.bands.predicts_fail(scores.defect_probability) else "PASS"
    if doubts := _review_reasons(scores, policy) + (DAMAGED_IMAGE if damaged else ()):
        return Decision("REVIEW", label, doubts)
    share = policy.audit_share if label == "PASS" else policy.fail_audit_share
    if audit_value < share:
        return Decision("REVIEW", label, ("audit_sample",), share)
    return Decision(label, label, (), share)


def no_model(*, damaged: bool = False) -> Decision:
    """Return the decision on a part that no version scored."""
    return replace(NO_MODEL, reasons=NO_MODEL.reasons + DAMAGED_IMAGE) if damaged else NO_MODEL


def audit_sample_value(inspection_id: UUID) -> float:
    """A number in [0, 1) that follows from the inspection's id alone: a second scoring draws the same lot."""
    return hash_uniform(b"audit:" + inspection_id.bytes)


def shadow_sample_value(inspection_id: UUID) -> float:
    """A number in [0, 1) for whether a challenger scores the part, which has nothing to do with its audit."""
    return hash_uniform(b"shadow:" + inspection_id.bytes)


def _review_reasons(scores: Scores, policy: RoutingPolicy) -> tuple[ReasonName, ...]:
    doubts: list[ReasonName] = []
    if policy.bands.needs_review(scores.defect_probability):
        doubts.append("low_confidence")
    if scores.novel_defect_suspected:
        doubts.append("novel_anomaly")
    return tuple(doubts)


def _check_scores(scores: Scores) -> None:
    numbers = (scores.defect_probability, scores.reconstruction_error, scores.anomaly_threshold, scores.novelty)
    if not all(math.isfinite(number) for number in numbers) or not 0 <= scores.defect_probability <= 1:
        raise ValueError(f"A part can't be routed by these scores: {scores}")
