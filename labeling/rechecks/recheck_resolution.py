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
Word = tuple[str, DefectType | None]


def open_recheck(part: Inspection) -> Recheck | None:
    """Why the part is judged again just now; None when it is not."""
    return Recheck.objects.open().filter(inspection=part).select_related("label__defect_type").first()


def agree(first: Word, second: Word) -> bool:
    """Whether two words on a part are one: the same verdict, and not two different defect types that were named. Types
    that were merged are one."""
    (verdict, kind), (other_verdict, other_kind) = first, second
    return verdict == other_verdict and (not kind or not other_kind or kind.current == other_kind.current)


def word(label: Label) -> Word:
    """What the label says, by the type's name today."""
    return label.verdict, label.defect_type.current if label.defect_type else None


def two_words(again: Recheck | None) -> list[Label]:
    """The two labels that differ, the first one first, where that is why the part is judged again; else none."""
    if again is None or again.reason != Reason.DISPUTED:
        return []
    return [again.first_label, again.label]


def provenance(again: Recheck | None, said: Word) -> str:
    """How many people stand behind a label that answers the recheck."""
    if again is not None and again.reason == Reason.DISPUTED:
        return Provenance.ADJUDICATED
    if again is not None and again.reason == Reason.SECOND and agree(word(again.label), said):
        return Provenance.DOUBLE
    return Provenance.SINGLE


def kept_type(again: Recheck | None, said: Word) -> DefectType | None:
    """The defect type of a label with these words: who agrees and names none leaves the name that was given before."""
    verdict, kind = said
    blind = again is not None and again.reason in (Reason.SECOND, Reason.REPEAT)
    if again is not None and blind and kind is None and again.given == verdict:
        return again.label.defect_type
    return kind


def answered_by_correction(again: Recheck | None, by: User) -> Recheck | None:
    """The recheck, if a correction by this person answers it: one that a person makes of their own label does not tell
    how they agree. Raises Disputed where two people differ and this one may not settle it."""
    if again is None or again.reason == Reason.REPEAT:
        return None
    if again.waits_for(by):
        return again
    if again.reason == Reason.DISPUTED:
        raise Disputed(_("Two people differ on this part. Somebody else who may settle that has the next word."))
    return None


def answer(again: Recheck, label: Label) -> None:
    """Close the recheck by the label. A second look or a repeat that says otherwise becomes a dispute."""
    same = _confirms(again, label)
    outcome = Recheck.Outcome.CONFIRMED if same else Recheck.Outcome.CHANGED
    Recheck.objects.filter(pk=again.pk).update(closed_at=Now(), outcome=outcome, answer=label)
    if not same and again.reason in (Reason.SECOND, Reason.REPEAT):
        Recheck.objects.create(
            inspection_id=again.inspection_id, reason=Reason.DISPUTED, label=label, given=label.verdict
        )


def replace(again: Recheck, label: Label) -> None:
    """A correction took the place of the label that was to be judged again. A second look at the person's own
    correction goes on; a repeat is over: what it was to repeat no longer counts."""
    _withdraw(again.inspection_id, again.label)
    if again.reason == Reason.SECOND:
        Recheck.objects.create(
            inspection_id=again.inspection_id, reason=Reason.SECOND, label=label, given=label.verdict
        )


def take_back(label: Label) -> None:
    """A label was undone: nobody need judge it again, and what it had answered is open again, for claims from now on:
    whoever held the dispute has read both verdicts."""
    if _withdraw(label.inspection_id, label) == Reason.DISPUTED:
        Claim.objects.filter(inspection=label.inspection_id).close()
    Recheck.objects.filter(answer=label).update(closed_at=None, outcome="", answer=None, due_at=Now())


def withdraw_all(part: Inspection) -> None:
    """Close every open recheck of the part without an answer."""
    Recheck.objects.open().filter(inspection=part).update(closed_at=Now(), outcome=Recheck.Outcome.WITHDRAWN)


def _withdraw(part: UUID, label: Label) -> str:
    waiting = Recheck.objects.open().filter(inspection=part, label=label)
    reason = waiting.values_list("reason", flat=True).first()
    waiting.update(closed_at=Now(), outcome=Recheck.Outcome.WITHDRAWN)
    return reason or ""


def _confirms(again: Recheck, label: Label) -> bool:
    # A version doubts a verdict, whatever the defect's name.
    if again.reason == Reason.DOUBTED:
        return again.given == label.verdict
    return agree(word(again.label), word(label))
