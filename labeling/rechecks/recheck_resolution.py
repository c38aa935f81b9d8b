"""A person's word on a part that is judged again: what it answers, what it makes of the label, what taking it back
reopens. Every step here holds the part's lock."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.models import Inspection
from labeling.models import Claim, DefectType, Label, Recheck
from labeling.refusals import Disputed

Reason, Provenance = Recheck.Reason, Label.Provenance
VerdictPair = tuple[str, DefectType | None]


def find_open_recheck(part: Inspection) -> Recheck | None:
    """Why the part is judged again just now; None when it is not."""
    return Recheck.objects.open().filter(inspection=part).select_related("label__defect_type").first()


def verdicts_agree(first: VerdictPair, second: VerdictPair) -> bool:
    """Whether two words on a part are one: the same verdict, and not two different defect types that were named. Types
    that were merged are one."""
    (verdict, kind), (other_verdict, other_kind) = first, second
    return verdict == other_verdict and (not kind or not other_kind or kind.current == other_kind.current)


def verdict_pair(label: Label) -> VerdictPair:
    """What the label says, by the type's name today."""
    return label.verdict, label.defect_type.current if label.defect_type else None


def disputed_labels(recheck: Recheck | None) -> list[Label]:
    """The two labels that differ, the first one first, where that is why the part is judged again; else none."""
    if recheck is None or recheck.reason != Reason.DISPUTED:
        return []
    return [recheck.first_label, recheck.label]


def label_provenance(recheck: Recheck | None, pair: VerdictPair) -> str:
    """How many people stand behind a label that answers the recheck."""
    if recheck is not None and recheck.reason == Reason.DISPUTED:
        return Provenance.ADJUDICATED
    if recheck is not None and recheck.reason == Reason.SECOND and verdicts_agree(verdict_pair(recheck.label), pair):
        return Provenance.DOUBLE
    return Provenance.SINGLE


def resolve_defect_type(recheck: Recheck | None, pair: VerdictPair) -> DefectType | None:
    """The defect type of a label with these words: who agrees and names none leaves the name that was given before."""
    verdict, kind = pair
    blind = recheck is not None and recheck.reason in (Reason.SECOND, Reason.REPEAT)
    if recheck is not None and blind and kind is None and recheck.given == verdict:
        return recheck.label.defect_type
    return kind


def recheck_closed_by_correction(recheck: Recheck | None, by: User) -> Recheck | None:
    """The recheck, if a correction by this person answers it: one that a person makes of their own label does not tell
    how they agree. Raises Disputed where two people differ and this one may not settle it."""
    if recheck is None or recheck.reason == Reason.REPEAT:
        return None
    if recheck.answerable_by(by):
        return recheck
    if recheck.reason == Reason.DISPUTED:
        raise Disputed(_("Two people differ on this part. Somebody else who may settle that has the next word."))
    return None


def close_recheck(recheck: Recheck, label: Label) -> None:
    """Close the recheck by the label. A second look or a repeat that says otherwise becomes a dispute."""
    same = _label_confirms(recheck, label)
    outcome = Recheck.Outcome.CONFIRMED if same else Recheck.Outcome.CHANGED
    Recheck.objects.filter(pk=recheck.pk).update(closed_at=Now(), outcome=outcome, answer=label)
    if not same and recheck.reason in (Reason.SECOND, Reason.REPEAT):
        Recheck.objects.create(
            inspection_id=recheck.inspection_id, reason=Reason.DISPUTED, label=label, given=label.verdict
        )


def replace_recheck(recheck: Recheck, label: Label) -> None:
    """A correction took the place of the label that was to be judged again. A second look at the person's own
    correction goes on; a repeat is over: what it was to repeat no longer counts."""
    _withdraw_recheck(recheck.inspection_id, recheck.label)
    if recheck.reason == Reason.SECOND:
        Recheck.objects.create(
            inspection_id=recheck.inspection_id, reason=Reason.SECOND, label=label, given=label.verdict
        )


def revert_rechecks(label: Label) -> None:
    """A label was undone: nobody need judge it again, and what it had answered is open again, for claims from now on:
    whoever held the dispute has read both verdicts."""
    if _withdraw_recheck(label.inspection_id, label) == Reason.DISPUTED:
        Claim.objects.filter(inspection=label.inspection_id).close()
    Recheck.objects.filter(answer=label).update(closed_at=None, outcome="", answer=None, due_at=Now())


def withdraw_open_rechecks(part: Inspection) -> None:
    """Close every open recheck of the part without an answer."""
    Recheck.objects.open().filter(inspection=part).update(closed_at=Now(), outcome=Recheck.Outcome.WITHDRAWN)


def _withdraw_recheck(inspection_id: UUID, label: Label) -> str:
    waiting = Recheck.objects.open().filter(inspection=inspection_id, label=label)
    reason = waiting.values_list("reason", flat=True).first()
    waiting.update(closed_at=Now(), outcome=Recheck.Outcome.WITHDRAWN)
    return reason or ""


def _label_confirms(recheck: Recheck, label: Label) -> bool:
    # A version doubts a verdict, whatever the defect's name.
    if recheck.reason == Reason.DOUBTED:
        return recheck.given == label.verdict
    return verdicts_agree(verdict_pair(recheck.label), verdict_pair(label))
