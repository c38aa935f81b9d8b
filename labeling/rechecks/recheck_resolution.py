"""Effects of labels and undos on rechecks. Every step here needs the part's lock."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.models import Inspection
from labeling.models import Claim, DefectType, Label, Recheck
from labeling.refusals import Disputed

Reason, Provenance = Recheck.Reason, Label.Provenance
VerdictPair = tuple[str, DefectType | None]
T = TypeVar("T")


def find_open_recheck(part: Inspection) -> Recheck | None:
    """Return the part's open recheck; None if there is none."""
    return Recheck.objects.open().filter(inspection=part).select_related("label__defect_type").first()


def verdicts_agree(first: tuple[str, T | None], second: tuple[str, T | None]) -> bool:
    """Return True for the same verdict and not two different current defect types, or names of types."""
    return first[0] == second[0] and (not first[1] or not second[1] or first[1] == second[1])


def verdict_pair(label: Label) -> VerdictPair:
    """Return the label's verdict and its current defect type."""
    return label.verdict, label.defect_type.current if label.defect_type else None


def disputed_labels(recheck: Recheck | None) -> list[Label]:
    """Return the two labels of a dispute, the first one first; empty for any other recheck."""
    if recheck is None or recheck.reason != Reason.DISPUTED:
        return []
    return [recheck.first_label, recheck.label]


def label_provenance(recheck: Recheck | None, pair: VerdictPair) -> str:
    """Return the provenance of a label that answers the recheck."""
    if recheck is not None and recheck.reason == Reason.DISPUTED:
        return Provenance.ADJUDICATED
    if recheck is not None and recheck.reason == Reason.SECOND and verdicts_agree(verdict_pair(recheck.label), pair):
        return Provenance.DOUBLE
    return Provenance.SINGLE


def resolve_defect_type(recheck: Recheck | None, pair: VerdictPair) -> DefectType | None:
    """Return the type to save; a blind confirmation that names none keeps the earlier type."""
    verdict, kind = pair
    blind = recheck is not None and recheck.reason in (Reason.SECOND, Reason.REPEAT)
    if recheck is not None and blind and kind is None and recheck.given == verdict:
        return recheck.label.defect_type
    return kind


def recheck_closed_by_correction(recheck: Recheck | None, by: User) -> Recheck | None:
    """Return the recheck if a correction by this person answers it; else None.

    A correction never answers a repeat review: it says nothing about agreement. Raises Disputed if two people differ
    and this person may not adjudicate.
    """
    if recheck is None or recheck.reason == Reason.REPEAT:
        return None
    if recheck.answerable_by(by):
        return recheck
    if recheck.reason == Reason.DISPUTED:
        raise Disputed(_("Two people differ on this part. A third person must decide (adjudicate)."))
    return None


def open_recheck(label: Label, reason: Recheck.Reason, due_at: Combinable | None = None) -> Recheck:
    """Open a recheck of the label."""
    return Recheck.objects.create(
        inspection_id=label.inspection_id, reason=reason, label=label, given=label.verdict, due_at=due_at or Now()
    )


def close_recheck(recheck: Recheck, label: Label) -> None:
    """Close the recheck by the label. A blind recheck that differs opens a dispute."""
    same = _label_confirms(recheck, label)
    outcome = Recheck.Outcome.CONFIRMED if same else Recheck.Outcome.CHANGED
    Recheck.objects.filter(pk=recheck.pk).update(closed_at=Now(), outcome=outcome, answer=label)
    if not same and recheck.reason in (Reason.SECOND, Reason.REPEAT):
        open_recheck(label, Reason.DISPUTED)


def replace_recheck(recheck: Recheck, label: Label) -> None:
    """Withdraw the recheck of a label that a correction replaced.

    A second review is opened again for the correction. A repeat review ends: its label no longer counts.
    """
    _withdraw_recheck(recheck.inspection_id, recheck.label)
    if recheck.reason == Reason.SECOND:
        open_recheck(label, Reason.SECOND)


def revert_rechecks(label: Label) -> None:
    """Withdraw rechecks of an undone label and reopen the rechecks it closed.

    Claims made earlier do not count: their owners saw both verdicts.
    """
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
    # A label issue concerns the verdict, not the defect type.
    if recheck.reason == Reason.DOUBTED:
        return recheck.given == label.verdict
    return verdicts_agree(verdict_pair(recheck.label), verdict_pair(label))
