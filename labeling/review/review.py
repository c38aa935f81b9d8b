"""Verdicts of people: append-only; only an undo row withdraws a label."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from inspection.models import Inspection
from labeling.datasets import holdout
from labeling.datasets.defect_places import DefectPlace, place_of_part
from labeling.models import Claim, DefectType, Label, LabelUndo, Recheck, Review
from labeling.queue import queue
from labeling.rechecks import double_review, recheck_resolution
from labeling.refusals import AlreadyUndone, ClaimLost, NotStanding, PartRemoved
from labeling.review import reference_parts
from labeling.review.label_values import find_defect_type, marks_to_store
from mltasks.vision.types import Mark


def resolve(
    claim: Claim,
    *,
    verdict: str,
    defect_type: DefectType | str | None = None,
    comment: str = "",
    shown_seconds: float | None = None,
    marks: Sequence[Mark] | None = None,
) -> Label:
    """Save review and label of the claim's owner, close the claim and resolve the part.

    All or nothing. ``shown_seconds`` is the time on the reviewer's screen, as their page measured it. ``marks`` show
    where the defect is; None keeps the place of earlier labels. An expired lease still counts while no other reviewer
    holds or resolved the part. The same verdict on the same claim returns the first label.

    Raises ClaimLost, and InvalidLabel for a verdict other than PASS and FAIL, a good part with a defect type or marks,
    too many marks, or an unknown type.
    """
    with transaction.atomic():
        part = lock_part(claim.inspection_id)
        held = Claim.objects.select_for_update(of=("self",)).annotate(now=Now()).get(pk=claim.pk)
        kind = find_defect_type(part.product, verdict, defect_type)
        earlier = Review.objects.select_related("label").filter(claim=held).first()
        if earlier is not None:
            return _earlier_label(earlier, verdict, kind)
        check_claim_valid(part, held)
        recheck = recheck_resolution.find_open_recheck(part)
        review = Review.objects.create(
            claim=held,
            inspection=part,
            reviewer=held.reviewer,
            verdict=verdict,
            defect_type=kind,
            comment=comment,
            seconds=(held.now - held.created_at).total_seconds(),  # type: ignore[attr-defined]  # annotated
            shown_seconds=shown_seconds,
        )
        label = Label(
            inspection=part,
            verdict=verdict,
            defect_type=recheck_resolution.resolve_defect_type(recheck, (verdict, kind)),
            source=Label.Source.REVIEW,
            provenance=recheck_resolution.label_provenance(recheck, (verdict, kind)),
            review=review,
            reviewer=held.reviewer,
            comment=comment,
            marks=marks_to_store(verdict, marks),
        )
        return _record_label(label, answered=recheck)


def correct(
    inspection: Inspection,
    *,
    by: User,
    verdict: str,
    defect_type: DefectType | str | None = None,
    comment: str = "",
    marks: Sequence[Mark] | None = None,
) -> Label:
    """Save a verdict without a claim, as from the history. Open claims on the part are closed.

    The same verdict by the same person returns the standing label, unless the verdict answers a recheck: then it
    confirms the label. ``marks`` replace the place of earlier labels; None keeps it. Raises InvalidLabel as
    ``resolve``, Disputed if two people differ and this person may not adjudicate, and PartRemoved if retention removed
    the part.
    """
    with transaction.atomic():
        part = lock_part(inspection.pk)
        kind = find_defect_type(part.product, verdict, defect_type)
        standing = standing_label(part)
        same = (
            standing
            and standing.reviewer == by
            and recheck_resolution.verdict_pair(standing) == (verdict, kind)
            and standing.comment == comment
            and (marks is None or place_of_part(part) == DefectPlace(tuple(marks)))
        )
        recheck = recheck_resolution.find_open_recheck(part)
        answered = recheck_resolution.recheck_closed_by_correction(recheck, by)
        if standing and same and answered is None:
            return standing
        label = Label(
            inspection=part,
            verdict=verdict,
            defect_type=kind,
            source=Label.Source.CORRECTION,
            provenance=recheck_resolution.label_provenance(answered, (verdict, kind)),
            reviewer=by,
            comment=comment,
            marks=marks_to_store(verdict, marks),
        )
        return _record_label(label, answered=answered, replaced=recheck)


def overrule(
    inspection: Inspection,
    *,
    verdict: str,
    defect_type: DefectType | None,
    reason: str,
    by: User | None,
    mask_sha256: str = "",
) -> Label:
    """Save an imported label over a person's label, with the reason as its comment.

    Hold the part's lock. All open rechecks of the part are withdrawn: the verdicts they concern no longer count.
    """
    label = Label.objects.create(
        inspection=inspection,
        verdict=verdict,
        defect_type=defect_type,
        source=Label.Source.IMPORT,
        provenance=Label.Provenance.OVERRULED,
        reviewer=by,
        comment=reason,
        mask_sha256=mask_sha256,
    )
    recheck_resolution.withdraw_open_rechecks(inspection)
    _mark_resolved(inspection)
    return label


def may_undo(label: Label, user: User) -> bool:
    """Return True for the label's author and for users who may undo any label."""
    return label.reviewer == user or user.has_perm("labeling.undo_any_label")


def undo(label: Label, *, by: User) -> None:
    """Undo the standing label. Without an earlier label, the part waits for a person again.

    Allowed for its author and with ``labeling.undo_any_label``. Raises PermissionDenied, AlreadyUndone or NotStanding.
    """
    if not may_undo(label, by):
        raise PermissionDenied(_("Only the label's author or a quality manager can undo a label."))
    with transaction.atomic():
        part = lock_part(label.inspection_id)
        if LabelUndo.objects.filter(label=label).exists():
            raise AlreadyUndone(_("This label is already undone."))
        if standing_label(part) != label:
            raise NotStanding(_("A newer label is the standing label of this part. Undo the newer label first."))
        LabelUndo.objects.create(label=label, by=by)
        recheck_resolution.revert_rechecks(label)
        reference_parts.update_embedding_target(part)
        if standing_label(part) is None:
            Inspection.objects.filter(pk=part.pk).update(resolved_at=None)


def undo_and_claim(label: Label, *, by: User) -> Claim:
    """Undo a label and claim its part in one step, before the page's prefetch can claim it.

    Raises as ``undo``, and ClaimLost if an earlier label stands again; the label stays undone.
    """
    with transaction.atomic():
        undo(label, by=by)
        try:
            return queue.claim_part(label.inspection, reviewer=by)
        except ClaimLost as lost:
            refused = lost
    raise refused


def standing_label(inspection: Inspection) -> Label | None:
    """Return the part's standing label: the newest that nobody undid."""
    return (
        Label.objects.filter(inspection=inspection)
        .standing()
        .select_related("defect_type__merged_into", "reviewer")
        .first()
    )


def lock_part(key: UUID) -> Inspection:
    """Lock and return the part. Raises PartRemoved.

    Every step locks the part's row before any other row, so steps on one part never deadlock.
    """
    parts = Inspection.objects.select_for_update(of=("self",), no_key=True).select_related("product")
    try:
        return parts.get(pk=key)
    except Inspection.DoesNotExist:
        raise PartRemoved(_("Retention removed this part. Continue with another part.")) from None


def check_claim_valid(part: Inspection, claim: Claim) -> None:
    """Raise ClaimLost if the claim's owner may no longer judge the part. Hold its lock."""
    # A resolved part with an open recheck may be judged by those who may answer it and claimed it since it was due.
    rechecks = Recheck.objects.open().filter(inspection=part, due_at__lte=claim.created_at)
    if part.resolved_at is not None and not rechecks.for_reviewer(claim.reviewer).exists():
        raise ClaimLost(_("This part is already resolved. Continue with the next part."))
    if Claim.objects.open().filter(inspection=part).exclude(pk=claim.pk).exists():
        raise ClaimLost(_("The claim expired, and another reviewer holds this part now. Continue with the next part."))


def _earlier_label(earlier: Review, verdict: str, defect_type: DefectType | None) -> Label:
    kind_said = earlier.defect_type.current if earlier.defect_type else None
    if (earlier.verdict, kind_said) != (verdict, defect_type):
        text = _("This claim is already resolved as {verdict}. Undo its label to change it.")
        raise ClaimLost(text.format(verdict=earlier.verdict))
    return earlier.label


def _record_label(label: Label, *, answered: Recheck | None, replaced: Recheck | None = None) -> Label:
    """Save a person's label and update all that follows from it. Hold the part's lock.

    1. Assign the part to the holdout or not.
    2. Close the recheck that the label answers, or update the recheck whose label it replaces. Sample a review
       without a recheck for a second review.
    3. Mark the part resolved.
    """
    label.save(force_insert=True)
    part = label.inspection
    holdout.assign_holdout(part.product, [part])
    if answered is not None:
        recheck_resolution.close_recheck(answered, label)
    elif replaced is not None:
        recheck_resolution.replace_recheck(replaced, label)
    elif label.review is not None:
        double_review.sample_for_second_review(part, label, label.review.reviewer)
    _mark_resolved(part)
    return label


def _mark_resolved(part: Inspection) -> None:
    Inspection.objects.filter(pk=part.pk).update(resolved_at=Coalesce(F("resolved_at"), Now()))
    Claim.objects.filter(inspection=part).close()
    reference_parts.update_embedding_target(part)
