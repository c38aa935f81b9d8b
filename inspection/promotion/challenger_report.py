"""What a challenger said of live parts, beside the verdicts that they got: read anew at each look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from inspection.models import Challenge, Inspection, Reason, Rescore, Verdict
from inspection.products.part_identity import PartIdentities
from inspection.promotion import shadow_scoring
from inspection.replay import replay_metrics
from inspection.replay.sample_size import MIN_PARTS, too_few
from inspection.replay.scored_parts import Judged, Learned, Word
from mltasks.vision.stats.intervals import Estimate, proportion

MOST = 5000  # the newest parts that a look counts
SHOWN = 24
WAITING = 1000  # counted up to this
ORDER = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class ChallengeReading:
    """``matrix`` has for each verdict that parts got the challenger's, with counts, and whether it is the same;
    ``cost`` is that of 1000 parts by each, and their difference, on ``labeled`` parts, as counted; ``differ`` are the
    newest parts on which the two differ."""

    scored: int
    waiting: int
    agreement: Estimate
    matrix: list[tuple[str, list[tuple[str, int, bool]]]]
    labeled: int
    new_escapes: int
    caught_escapes: int
    cost: dict[str, Estimate]
    differ: list[tuple[Inspection, str, Rescore]]

    @property
    def agreement_is_known(self) -> bool:
        """True if enough live parts were scored to tell the agreement."""
        return self.scored >= MIN_PARTS

    @property
    def too_few(self) -> str:
        """The sentence in place of figures on too few labeled parts; empty where they are enough."""
        return "" if self.labeled >= MIN_PARTS else too_few(self.labeled)


def read(challenge: Challenge) -> ChallengeReading:
    """Its figures as of now, on the newest ``MOST`` parts."""
    rows = list(_rows(challenge))
    pairs = [(given(row.inspection), row.verdict) for row in rows]
    count = Counter(pairs)
    judged = _labeled(challenge, rows)
    differ = [(row.inspection, one, row) for row, (one, other) in zip(rows, pairs, strict=True) if one != other]
    return ChallengeReading(
        scored=len(rows),
        waiting=shadow_scoring.waiting_parts(challenge)[:WAITING].count() if challenge.ended_at is None else 0,
        agreement=proportion([one == other for one, other in pairs], [str(row.inspection_id) for row in rows]),
        matrix=[(str(was), [(str(now), count[was, now], was == now) for now in ORDER]) for was in ORDER],
        labeled=len(judged),
        new_escapes=sum(one.defective and _passed(one) == (True, False) for one in judged),
        caught_escapes=sum(one.defective and _passed(one) == (False, True) for one in judged),
        cost=replay_metrics.cost(judged, challenge.product.costs, weigh=False),
        differ=differ[:SHOWN],
    )


def given(part: Inspection) -> str:
    """The verdict that a part got of the model: one that was drawn for audit would else have passed, or failed."""
    if part.reasons == [Reason.AUDIT_SAMPLE] and part.label:
        return part.label
    return str(part.verdict)


def _rows(challenge: Challenge) -> Any:
    theirs = Rescore.objects.live().filter(version=challenge.version, created_at__gte=challenge.created_at)
    if challenge.ended_at is not None:
        theirs = theirs.filter(created_at__lte=challenge.ended_at)
    related = theirs.select_related("inspection__station", "inspection__model_version")
    return related.order_by("-created_at")[:MOST]


def _labeled(challenge: Challenge, rows: list[Rescore]) -> list[Judged]:
    people = [row for row in rows if row.inspection.person_says]
    deciding = {row.inspection.model_version for row in people if row.inspection.model_version}
    identities = PartIdentities(challenge.product)
    learned = Learned([challenge.version, *deciding], [row.inspection for row in people], identities)
    return [_judged(row, identities) for row in people if not learned.from_(row.inspection)]


def _judged(row: Rescore, identities: PartIdentities) -> Judged:
    part = row.inspection
    return Judged(
        key=part.pk,
        part=identities.name(part),
        person=part.person_says,
        weight=None,
        holdout=bool(part.holdout),
        learned=False,
        candidate=Word(row.verdict, row.label, row.defect_probability),
        champion=Word(given(part), part.label or "", part.defect_probability or 0.0),
    )


def _passed(one: Judged) -> tuple[bool, bool]:
    """Whether it passes the challenger, and whether it passed."""
    return one.candidate.verdict == Verdict.PASS, one.champion is not None and one.champion.verdict == Verdict.PASS
