"""Routing of a part to PASS, FAIL or REVIEW. Pure: no Django, torch, clock or randomness."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from inspection.products.hash_sampling import hash_uniform
from mltasks.vision.guarantees.thresholds import Bands, cost_bands
from mltasks.vision.types import Costs, Scores

VerdictName = Literal["PASS", "FAIL", "REVIEW"]
ModelVerdictName = Literal["PASS", "FAIL"]
ReasonName = Literal[
    "low_confidence", "novel_anomaly", "no_model", "scoring_failed", "audit_sample", "damaged_image", "deadline"
]


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """Bands of a product, and the audited shares (0 to 1) of sure PASS and sure FAIL parts."""

    bands: Bands = field(default_factory=lambda: cost_bands(Costs()))
    audit_share: float = 0.0
    fail_audit_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """Verdict, model verdict, review reasons and inclusion probability of a part.

    ``model_verdict`` is None if no version scored the part. ``inclusion_probability`` (0 to 1) is the chance that a
    part like this is reviewed; its label's weight is 1 / this chance.
    """

    verdict: VerdictName
    model_verdict: ModelVerdictName | None
    reasons: tuple[ReasonName, ...] = ()
    inclusion_probability: float = 1.0


SCORING_FAILED = Decision("REVIEW", None, ("scoring_failed",))
DAMAGED_IMAGE: tuple[ReasonName, ...] = ("damaged_image",)


def decide(scores: Scores | None, policy: RoutingPolicy, *, audit_value: float, damaged: bool = False) -> Decision:
    """Route one part by the product's current bands.

    Reasons for a review:
    - The defect probability is in the review band.
    - A novelty detector exceeds its threshold, however sure the classifier is, or a part that would PASS exceeds the
      novelty up to which the escape guarantee lets parts pass.
    - The image file is ``damaged``.
    - The verdict is sure, but ``audit_value`` in [0, 1) is below the audit share.
    - No version scored the part (``scores`` is None).

    Raises ValueError for non-finite scores: NaN would compare as a sure PASS.
    """
    if scores is None:
        return no_model(damaged=damaged)
    _check_scores(scores)
    model_verdict: ModelVerdictName = "FAIL" if policy.bands.predicts_fail(scores.defect_probability) else "PASS"
    reasons: list[ReasonName] = []
    if policy.bands.needs_review(scores.defect_probability):
        reasons.append("low_confidence")
    # Scores from before novelty ratios say only that a novel defect is suspected.
    if scores.novel_defect_suspected or policy.bands.is_novel(scores.defect_probability, scores.novelty):
        reasons.append("novel_anomaly")
    if reasons or damaged:
        return Decision("REVIEW", model_verdict, (*reasons, *(DAMAGED_IMAGE if damaged else ())))
    share = policy.audit_share if model_verdict == "PASS" else policy.fail_audit_share
    if audit_value < share:
        return Decision("REVIEW", model_verdict, ("audit_sample",), share)
    return Decision(model_verdict, model_verdict, (), share)


def fast_pass(audit_share: float) -> Decision:
    """Return the decision on a part that the fast path passes; the full graph gives its model verdict later."""
    return Decision("PASS", None, (), audit_share)


def may_be_audited(audit_share: float, fail_audit_share: float, audit_value: float) -> bool:
    """Return True if the part belongs to the audit sample, whatever its verdict. The fast path answers no such part."""
    return audit_value < max(audit_share, fail_audit_share)


def no_model(*, damaged: bool = False) -> Decision:
    """Return the decision on a part that no version scored."""
    return Decision("REVIEW", None, ("no_model", *(DAMAGED_IMAGE if damaged else ())))


def no_time(*, damaged: bool = False) -> Decision:
    """Return the decision on a part that would have missed its deadline, had it waited for its scores."""
    return Decision("REVIEW", None, ("deadline", *(DAMAGED_IMAGE if damaged else ())))


def audit_sample_value(inspection_id: UUID) -> float:
    """Return a number in [0, 1) from the inspection's id alone; scoring again repeats it."""
    return hash_uniform(b"audit:" + inspection_id.bytes)


def shadow_sample_value(inspection_id: UUID) -> float:
    """Return a number in [0, 1) that selects challenger parts, independent of the audit sample."""
    return hash_uniform(b"shadow:" + inspection_id.bytes)


def _check_scores(scores: Scores) -> None:
    numbers = (scores.defect_probability, scores.reconstruction_error, scores.anomaly_threshold, scores.novelty)
    if not all(math.isfinite(number) for number in numbers) or not 0 <= scores.defect_probability <= 1:
        raise ValueError(f"These scores cannot be used for routing: {scores}")
