"""A person's verdict: written once, never lost, and taken back only by a row of its own."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from inspection.models import Inspection, Product, Verdict
from labeling import queue, rechecking, references
from labeling.models import Claim, DefectType, Label, LabelUndo, Recheck, Review
from labeling.refusals import AlreadyUndone, ClaimLost, InvalidLabel, NotStanding


def resolve(claim: Claim, *, verdict: str, defect_type: DefectType | str | None = None, comment: str = "") -> Label:
    """Write the claim owner's verdict: review, label, claim closed and part settled, all or nothing.

    A lease that ran out still counts while nobody else holds or settled the part: nothing a person did is lost. The
    same verdict on the same claim again returns the first label. Raises ClaimLost, and InvalidLabel for a verdict
    that is neither PASS nor FAIL, a good part with a defect type, or an unknown type.
    """
    with transaction.atomic():
        part = _locked(claim.inspection_id)
        held = Claim.objects.select_for_update(of=("self",)).annotate(now=Now()).get(pk=claim.pk)
        kind = _defect_type(part.product, verdict, defect_type)
        earlier = Review.objects.select_related("label").filter(claim=held).first()
        if earlier is not None:
            return _replayed(earlier, verdict, kind)
        _check_free(part, held)
        review = Review.objects.create(
            claim=held,
            inspection=part,
            reviewer=held.reviewer,
            verdict=verdict,
            defect_type=kind,
            comment=comment,
            seconds=(held.now - held.created_at).total_seconds(),
        )
        label = Label.objects.create(
            inspection=part,
            verdict=verdict,
            defect_type=kind,
            source=Label.Source.REVIEW,
            review=review,
            reviewer=held.reviewer,
            comment=comment,
        )
        _settle(part, label)
        return label


def correct(
    inspection: Inspection, *, by: User, verdict: str, defect_type: DefectType | str | None = None, comment: str = ""
) -> Label:
    """Say what a part is without a claim, as from the history page. Whoever holds the part loses it.

    The same word by the same person again returns the label that stands, unless that one is in doubt: then it is a
    confirmation. Raises InvalidLabel as ``resolve``.
    """
    with transaction.atomic():
        part = _locked(inspection.pk)
        kind = _defect_type(part.product, verdict, defect_type)
        standing = standing_label(part)
        same = (
            standing and standing.reviewer == by and _says(standing) == (verdict, kind) and standing.comment == comment
        )
        if standing and same and not rechecking.is_waiting(part):
            return standing
        label = Label.objects.create(
            inspection=part,
            verdict=verdict,
            defect_type=kind,
            source=Label.Source.CORRECTION,
            reviewer=by,
            comment=comment,
        )
        _settle(part, label)
        return label


def undo(label: Label, *, by: User) -> None:
    """Take back the standing label; without an earlier one to stand again, the part waits for a person once more.

    Its author may, and who has ``labeling.undo_any_label``. Raises PermissionDenied, AlreadyUndone or NotStanding.
    """
    if label.reviewer != by and not by.has_perm("labeling.undo_any_label"):
        raise PermissionDenied("Only its author or a quality manager takes a label back.")
    with transaction.atomic():
        part = _locked(label.inspection_id)
        if LabelUndo.objects.filter(label=label).exists():
            raise AlreadyUndone("This label was taken back already.")
        if standing_label(part) != label:
            raise NotStanding("A newer label of this part counts; take that one back first.")
        LabelUndo.objects.create(label=label, by=by)
        rechecking.take_back(label)
        references.mark(part)
        if standing_label(part) is None:
            Inspection.objects.filter(pk=part.pk).update(settled_at=None)


def undo_and_claim(label: Label, *, by: User) -> Claim:
    """Take a label back and claim its part in one step: what the reviewer's page fetches ahead can't take it between.

    Raises as ``undo``, and ClaimLost when an earlier label stands again; the label is taken back all the same.
    """
    with transaction.atomic():
        undo(label, by=by)
        try:
            return queue.claim_part(label.inspection, reviewer=by)
        except ClaimLost as lost:
            refused = lost
    raise refused


def standing_label(inspection: Inspection) -> Label | None:
    """The label that counts for the part: its newest that nobody took back."""
    return Label.objects.filter(inspection=inspection).standing().select_related("defect_type", "reviewer").first()


def _locked(key: UUID) -> Inspection:
    # The part's row is locked before any other, by every step, so steps on one part never wait in a ring.
    return Inspection.objects.select_for_update(of=("self",), no_key=True).select_related("product").get(pk=key)


def _check_free(part: Inspection, held: Claim) -> None:
    # A settled part is free again while its label is in doubt, for those who claimed it since.
    doubted = Recheck.objects.open().filter(inspection=part, opened_at__lte=held.created_at)
    if part.settled_at is not None and not doubted.exists():
        raise ClaimLost("This part was settled meanwhile.")
    if Claim.objects.filter(inspection=part, closed_at__isnull=True).exclude(pk=held.pk).exists():
        raise ClaimLost("The lease ran out and another reviewer has this part now.")


def _replayed(earlier: Review, verdict: str, kind: DefectType | None) -> Label:
    if (earlier.verdict, earlier.defect_type) != (verdict, kind):
        raise ClaimLost(f"This claim was resolved as {earlier.verdict} before; take that label back to change it.")
    return earlier.label


def _says(label: Label) -> tuple[str, DefectType | None]:
    return label.verdict, label.defect_type


def _settle(part: Inspection, label: Label) -> None:
    rechecking.answer(part, label)
    Inspection.objects.filter(pk=part.pk).update(settled_at=Coalesce(F("settled_at"), Now()))
    Claim.objects.filter(inspection=part, closed_at__isnull=True).update(closed_at=Now())
    references.mark(part)


def _defect_type(product: Product, verdict: str, wanted: DefectType | str | None) -> DefectType | None:
    if verdict not in (Verdict.PASS, Verdict.FAIL):
        raise InvalidLabel(f"A person's verdict is PASS or FAIL, not {verdict!r}.")
    if not wanted:
        return None
    if verdict == Verdict.PASS:
        raise InvalidLabel("A good part has no defect type.")
    name = wanted if isinstance(wanted, str) else wanted.name
    kinds = {kind.name: kind for kind in product.defect_types.all()}
    if name not in kinds:
        known = ", ".join(sorted(kinds)) or "none yet"
        raise InvalidLabel(f"{product.name} has no defect type {name!r}. Known: {known}.")
    return kinds[name]
