"""Report that compares a challenger's verdicts on live parts with the parts' verdicts.

The report is computed on each request.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from inspection.models import Challenge, Inspection, Reason, Rescore
from inspection.products.part_identity import PartIdentities
from inspection.promotion import shadow_scoring
from inspection.replay import replay_metrics
from inspection.replay.sample_size import MIN_PARTS, too_few_text
from inspection.replay.scored_parts import ExposureCheck, ScoredPart, VersionVerdict
from inspection.replay.verdict_matrix import MatrixRow, count_verdicts, matrix_rows
from mltasks.vision.stats.intervals import Estimate, proportion

MAX_PARTS = 5000  # the newest parts that the report counts
MAX_SHOWN = 24
MAX_WAITING_COUNT = 1000  # counted up to this


@dataclass(frozen=True, slots=True)
class ChallengerReport:
    """Values of a challenger's page.

    ``labeled`` is the number of labeled parts that neither version was trained on; ``cost`` is the cost of 1000 parts
    by each and the difference, as counted on them. ``disagreements`` are the newest parts with different verdicts: the
    part, its verdict, and the challenger's score.
    """

    scored: int
    waiting: int
    agreement: Estimate
    matrix: list[MatrixRow]
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
    labeled = _labeled_parts(challenge, rows)
    changes = replay_metrics.error_changes(labeled)
    waiting = shadow_scoring.unscored_live_parts(challenge)[:MAX_WAITING_COUNT].count() if not challenge.ended_at else 0
    return ChallengerReport(
        scored=len(rows),
        waiting=waiting,
        agreement=proportion([given == own for given, own in pairs], [str(row.inspection_id) for row in rows]),
        matrix=matrix_rows(count_verdicts(pairs)),
        labeled=len({part.part_name for part in labeled}),
        new_escapes=changes["new_escapes"],
        caught_escapes=changes["caught_escapes"],
        cost=replay_metrics.cost(labeled, challenge.product.costs, weigh=False),
        disagreements=[
            (row.inspection, given, row) for row, (given, own) in zip(rows, pairs, strict=True) if given != own
        ][:MAX_SHOWN],
    )


def verdict_without_audit(part: Inspection) -> str:
    """Return the part's verdict as if it had not been sampled for audit."""
    if part.reasons == [Reason.AUDIT_SAMPLE] and part.model_verdict:
        return part.model_verdict
    return str(part.verdict)


def _load_rescores(challenge: Challenge) -> QuerySet[Rescore]:
    rows = Rescore.objects.by_challengers().filter(version=challenge.version, created_at__gte=challenge.created_at)
    # No version decided these parts, so no verdict of theirs can agree or differ.
    rows = rows.exclude(inspection__reasons__contains=[Reason.DEADLINE])
    if challenge.ended_at is not None:
        rows = rows.filter(created_at__lte=challenge.ended_at)
    parts = rows.select_related("inspection__station", "inspection__model_version")
    return parts.defer("inspection__model_version__meta").order_by("-created_at")[:MAX_PARTS]


def _labeled_parts(challenge: Challenge, rows: list[Rescore]) -> list[ScoredPart]:
    """Return the labeled parts that neither the challenger nor the deciding version was trained on."""
    labeled = [row for row in rows if row.inspection.human_verdict]
    deciding = {row.inspection.model_version for row in labeled if row.inspection.model_version}
    identities = PartIdentities(challenge.product)
    exposure = ExposureCheck([challenge.version, *deciding], [row.inspection for row in labeled], identities)
    return [_scored_part(row, identities) for row in labeled if not exposure.was_trained_on(row.inspection)]


def _scored_part(row: Rescore, identities: PartIdentities) -> ScoredPart:
    part = row.inspection
    return ScoredPart(
        inspection_id=part.pk,
        part_name=identities.name(part),
        human_verdict=part.human_verdict,
        weight=None,
        holdout=bool(part.holdout),
        trained_on=False,
        candidate=VersionVerdict(row.verdict, row.model_verdict, row.defect_probability),
        champion=VersionVerdict(verdict_without_audit(part), part.model_verdict or "", part.defect_probability or 0.0),
    )
