"""Report that compares a challenger's verdicts on live parts with the parts' verdicts.

The report is computed on each request.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from inspection.models import Challenge, Inspection, Reason, Rescore, Verdict
from inspection.products.part_identity import PartIdentities
from inspection.promotion import shadow_scoring
from inspection.replay import replay_metrics
from inspection.replay.sample_size import MIN_PARTS, too_few_text
from inspection.replay.scored_parts import ExposureCheck, ModelVerdict, ScoredPart
from mltasks.vision.stats.intervals import Estimate, proportion

MAX_PARTS = 5000  # the newest parts that the report counts
MAX_SHOWN = 24
MAX_WAITING_COUNT = 1000  # counted up to this
VERDICT_ORDER = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class ChallengerReport:
    """Values of a challenger's page.

    ``matrix`` has, for each verdict, the challenger's verdicts with their counts and if they are equal. ``cost`` is the
    cost of 1000 parts by each and the difference, as counted on the ``labeled`` parts. ``disagreements`` are the newest
    parts with different verdicts.
    """

    scored: int
    waiting: int
    agreement: Estimate
    matrix: list[tuple[str, list[tuple[str, int, bool]]]]
    labeled: int
    new_escapes: int
    caught_escapes: int
    cost: dict[str, Estimate]
    disagreements: list[tuple[Inspection, str, Rescore]]

    @property
    def has_enough_for_agreement(self) -> bool:
        """Return True if enough live parts were scored to show the agreement."""
        return self.scored >= MIN_PARTS

    @property
    def too_few_text(self) -> str:
        """Return the text that replaces figures on too few labeled parts; empty for enough parts."""
        return "" if self.labeled >= MIN_PARTS else too_few_text(self.labeled)


def load_report(challenge: Challenge) -> ChallengerReport:
    """Compute the challenger's report on the newest ``MAX_PARTS`` parts."""
    rows = list(_load_rescores(challenge))
    pairs = [(verdict_without_audit(row.inspection), row.verdict) for row in rows]
    count = Counter(pairs)
    judged = _labeled_parts(challenge, rows)
    differ = [(row.inspection, one, row) for row, (one, other) in zip(rows, pairs, strict=True) if one != other]
    return ChallengerReport(
        scored=len(rows),
        waiting=shadow_scoring.unscored_live_parts(challenge)[:MAX_WAITING_COUNT].count()
        if challenge.ended_at is None
        else 0,
        agreement=proportion([one == other for one, other in pairs], [str(row.inspection_id) for row in rows]),
        matrix=[
            (str(was), [(str(now), count[was, now], was == now) for now in VERDICT_ORDER]) for was in VERDICT_ORDER
        ],
        labeled=len(judged),
        new_escapes=sum(one.defective and _passes(one) == (True, False) for one in judged),
        caught_escapes=sum(one.defective and _passes(one) == (False, True) for one in judged),
        cost=replay_metrics.cost(judged, challenge.product.costs, weigh=False),
        disagreements=differ[:MAX_SHOWN],
    )


def verdict_without_audit(part: Inspection) -> str:
    """Return the part's verdict as if it had not been sampled for audit."""
    if part.reasons == [Reason.AUDIT_SAMPLE] and part.model_verdict:
        return part.model_verdict
    return str(part.verdict)


def _load_rescores(challenge: Challenge) -> Any:
    theirs = Rescore.objects.by_challengers().filter(version=challenge.version, created_at__gte=challenge.created_at)
    if challenge.ended_at is not None:
        theirs = theirs.filter(created_at__lte=challenge.ended_at)
    related = theirs.select_related("inspection__station", "inspection__model_version")
    return related.order_by("-created_at")[:MAX_PARTS]


def _labeled_parts(challenge: Challenge, rows: list[Rescore]) -> list[ScoredPart]:
    people = [row for row in rows if row.inspection.human_verdict]
    deciding = {row.inspection.model_version for row in people if row.inspection.model_version}
    identities = PartIdentities(challenge.product)
    learned = ExposureCheck([challenge.version, *deciding], [row.inspection for row in people], identities)
    return [_scored_part(row, identities) for row in people if not learned.was_trained_on(row.inspection)]


def _scored_part(row: Rescore, identities: PartIdentities) -> ScoredPart:
    part = row.inspection
    return ScoredPart(
        inspection_id=part.pk,
        part_name=identities.name(part),
        human_verdict=part.human_verdict,
        weight=None,
        holdout=bool(part.holdout),
        trained_on=False,
        candidate=ModelVerdict(row.verdict, row.model_verdict, row.defect_probability),
        champion=ModelVerdict(verdict_without_audit(part), part.model_verdict or "", part.defect_probability or 0.0),
    )


def _passes(scored_part: ScoredPart) -> tuple[bool, bool]:
    """Return True for each that passed the part: the challenger, then the part's verdict."""
    return (
        scored_part.candidate.verdict == Verdict.PASS,
        scored_part.champion is not None and scored_part.champion.verdict == Verdict.PASS,
    )
