"""The review queue: who holds which waiting part, and until when. All times are the database's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling import queue_rechecks
from labeling.models import Claim, Skip
from labeling.rechecks import ADJUDICATE
from labeling.refusals import ClaimLost

CLAIM_SECONDS: int = getattr(settings, "CLAIM_SECONDS", 120)
# The part on the screen, three that the page loads ahead, and those whose verdicts are still on their way.
MAX_HELD = 8
# What a reviewer skipped is offered to others only, for about a shift.
SKIPPED_HOURS = 8
PLACE = Coalesce("queue_time", "received_at")


def claim(*, reviewer: User, product: Product | None = None, excluding: Iterable[UUID] = ()) -> Claim | None:
    """Return a claim on the reviewer's next part, or None when nothing waits or they hold ``MAX_HELD`` already.

    What they hold comes back first, renewed, so a reload loses nothing; ``excluding`` names the claims their page
    shows already. What they skipped lately is passed over; what two people differ on comes first, for those who may
    settle it. Two reviewers never get one part: rows are taken by ``FOR UPDATE SKIP LOCKED``, and the database allows
    one open claim a part.
    """
    with transaction.atomic():
        # One reviewer's claims are made one after another, so that two tabs can't hold more than the limit.
        User.objects.select_for_update(no_key=True).values_list("pk").get(pk=reviewer.pk)
        close_expired()
        # Keys alone: most of what they hold is on their page already.
        held = list(claims_held(reviewer).values_list("pk", "inspection__product"))
        known = set(excluding)
        for key, owner in held:
            if key not in known and (product is None or product.pk == owner):
                own = claims_held(reviewer).filter(pk=key).first()
                if own is not None and _renewed(own):
                    return own
        if len(held) >= MAX_HELD:
            return None
        ways = [_claim_disputed, _claim_waiting, _claim_again]
        if queue_rechecks.first(product):
            ways = [_claim_disputed, _claim_again, _claim_waiting]
        for way in ways:
            made = way(reviewer, product)
            if made is not None:
                return made
        return None


def claim_part(inspection: Inspection, *, reviewer: User) -> Claim:
    """Return the reviewer's claim on this very part, as after an undo. Raises ClaimLost when it can't be theirs."""
    with transaction.atomic():
        close_expired()
        own = claims_held(reviewer).filter(inspection=inspection).first()
        if own is not None and _renewed(own):
            return own
        part, again = Q(pk=inspection.pk), Q(inspection=inspection)
        made = _take_next(_lockable(part), reviewer) or _take_again(reviewer, again)
        if made is None:
            raise ClaimLost(_("This part is with another reviewer, or waits for nobody."))
        return made


def hold(parts: Sequence[Inspection], *, reviewer: User) -> list[Claim]:
    """The reviewer's claims on these parts, made or renewed, without those that others hold. Lock the parts first."""
    made = [Claim(inspection=part, reviewer=reviewer, created_at=Now(), expires_at=_lease_end()) for part in parts]
    Claim.objects.bulk_create(made, ignore_conflicts=True)
    held = claims_held(reviewer).filter(inspection__in=[part.pk for part in parts])
    held.update(expires_at=_lease_end())
    return list(held.select_related("inspection__station", "inspection__model_version"))


def renew(claim: Claim) -> Claim:
    """Start the lease anew. Raises ClaimLost once the claim is closed."""
    if not _renewed(claim):
        raise ClaimLost(_("This claim is closed; claim the next part."))
    return claim


def release(claim: Claim) -> None:
    """Give the part back to the queue. A claim that is closed already stays as it is."""
    Claim.objects.filter(pk=claim.pk).close()


def close_expired() -> int:
    """Close the claims whose lease ran out and return how many. One that is in use just now is left alone."""
    with transaction.atomic(savepoint=False):
        expired = Claim.objects.open().filter(expires_at__lte=Now())
        keys = list(expired.select_for_update(skip_locked=True).order_by().values_list("pk", flat=True))
        return Claim.objects.filter(pk__in=keys).update(closed_at=Now()) if keys else 0


def claims_held(reviewer: User) -> QuerySet[Claim]:
    """The reviewer's open claims, oldest first."""
    held = Claim.objects.open().filter(reviewer=reviewer)
    return held.select_related("inspection__product").order_by("created_at", "pk")


def in_order(parts: InspectionQuerySet) -> InspectionQuerySet:
    """The order in which people see waiting parts: by place, as the index `inspection_queue_place` has it. A part whose
    place is not known yet stands where it arrived."""
    return parts.order_by(PLACE, "id")


def not_skipped(reviewer: User, part: str = "pk") -> Q:
    """Parts that the reviewer did not skip lately, by the database's clock. ``part`` is the column with their key."""
    lately = Skip.objects.filter(inspection=OuterRef(part), reviewer=reviewer, created_at__gt=skipped_since())
    return ~Q(Exists(lately))


def skipped_since() -> Combinable:
    """Since when a skip counts, by the database's clock."""
    return Now() - timedelta(hours=SKIPPED_HOURS)


def _claim_waiting(reviewer: User, product: Product | None) -> Claim | None:
    for wanted in [product] if product else _products_in_order(reviewer):
        made = _take_next(_lockable(Q(product=wanted) & not_skipped(reviewer)), reviewer)
        if made is not None:
            made.inspection.product = wanted
            return made
    return None


def _claim_disputed(reviewer: User, product: Product | None) -> Claim | None:
    may = reviewer.has_perm(ADJUDICATE)
    return _take_again(reviewer, _again(reviewer, product) & queue_rechecks.DISPUTED) if may else None


def _claim_again(reviewer: User, product: Product | None) -> Claim | None:
    return _take_again(reviewer, _again(reviewer, product))


def _again(reviewer: User, product: Product | None) -> Q:
    return queue_rechecks.of(product) & not_skipped(reviewer, "inspection")


def _take_again(reviewer: User, wanted: Q) -> Claim | None:
    any_waits = queue_rechecks.waits(reviewer, wanted)
    return _take_next(queue_rechecks.lockable(reviewer, wanted), reviewer) if any_waits else None


def _unclaimed() -> InspectionQuerySet:
    return Inspection.objects.awaiting_review().filter(~Exists(_open_claims("pk")))


def _open_claims(part: str) -> QuerySet[Claim]:
    return Claim.objects.open().filter(inspection=OuterRef(part))


def _lockable(wanted: Q) -> Callable[[], Inspection | None]:
    # No key update: rows that refer to the part may still be written meanwhile.
    parts = in_order(_unclaimed().filter(wanted))
    return parts.select_for_update(skip_locked=True, of=("self",), no_key=True).first


def _head(parts: InspectionQuerySet) -> Subquery:
    """The place of the first of these parts of a product: one look into the queue's index."""
    return Subquery(in_order(parts.filter(product=OuterRef("pk"))).values_list(PLACE)[:1])


def _products_in_order(reviewer: User) -> list[Product]:
    # The queue's index is by product; a few looks into it beat sorting all that waits.
    products = Product.objects.annotate(head=_head(_unclaimed().filter(not_skipped(reviewer)))).order_by("head")
    return [product for product in products if product.head is not None]


def _take_next(look: Callable[[], Inspection | None], reviewer: User) -> Claim | None:
    while (part := look()) is not None:
        made = Claim(inspection=part, reviewer=reviewer, created_at=Now(), expires_at=_lease_end())
        # Nothing is made when another's claim was committed between our look and our lock. The next look sees it.
        Claim.objects.bulk_create([made], ignore_conflicts=True)
        lease = Claim.objects.filter(pk=made.pk).values_list("created_at", "expires_at").first()
        if lease is not None:
            made.created_at, made.expires_at = lease
            return made
    return None


def _renewed(claim: Claim) -> bool:
    # One conditional statement: a claim that a verdict closes at this moment is not renewed.
    if not Claim.objects.open().filter(pk=claim.pk).update(expires_at=_lease_end()):
        return False
    claim.refresh_from_db(fields=["expires_at"])
    return True


def _lease_end() -> Combinable:
    return Now() + timedelta(seconds=CLAIM_SECONDS)
