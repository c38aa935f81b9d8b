"""Claims on waiting parts: create, renew and release. All times are the database's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.models import Inspection, Product
from labeling.models import Claim, ClaimQuerySet
from labeling.models.rechecks import ADJUDICATE_PERMISSION
from labeling.queue import queue_queries, recheck_queue
from labeling.queue.queue_filters import unclaimed_parts
from labeling.refusals import ClaimLost

CLAIM_SECONDS: int = getattr(settings, "CLAIM_SECONDS", 120)
# The part on the screen, three prefetched parts, and parts whose verdicts are in flight.
MAX_HELD_CLAIMS = 8


def claim(*, reviewer: User, product: Product | None = None, excluding: Iterable[UUID] = ()) -> Claim | None:
    """Return a claim on the reviewer's next part.

    None if no part waits or the reviewer holds ``MAX_HELD_CLAIMS`` claims. Held claims are returned first, renewed, so
    that a reload loses nothing; ``excluding`` are the claims on the reviewer's page. Disputed parts come first, for
    reviewers who may adjudicate. Parts that the reviewer skipped recently are not offered.

    Two reviewers never get one part: rows are locked by ``FOR UPDATE SKIP LOCKED``, and the database allows one open
    claim a part.
    """
    with transaction.atomic():
        queue_queries.lock_reviewer(reviewer)
        # Keys alone: most held claims are on the page already.
        held, any_expired = queue_queries.held_claim_keys(reviewer)
        if any_expired and close_expired_claims():
            held, _any = queue_queries.held_claim_keys(reviewer)
        shown = set(excluding)
        for key, owner in held:
            if key not in shown and (product is None or product.pk == owner):
                own = held_claims(reviewer).filter(pk=key).first()
                if own is not None and _try_renew(own):
                    return own
        if len(held) >= MAX_HELD_CLAIMS:
            return None
        sources = [_claim_disputed, _claim_waiting, _claim_recheck]
        if recheck_queue.offer_recheck_first(product):
            sources = [_claim_disputed, _claim_recheck, _claim_waiting]
        return next(filter(None, (claim_from(reviewer, product) for claim_from in sources)), None)


def claim_part(inspection: Inspection, *, reviewer: User) -> Claim:
    """Return the reviewer's claim on this part, as after an undo. Raises ClaimLost."""
    with transaction.atomic():
        close_expired_claims()
        own = held_claims(reviewer).filter(inspection=inspection).first()
        if own is not None and _try_renew(own):
            return own
        waiting = queue_queries.lock_in_queue_order(unclaimed_parts().filter(pk=inspection.pk))
        recheck = partial(recheck_queue.recheck_of, reviewer, inspection)
        made = _take_next(waiting.first, reviewer) or _take_next(recheck, reviewer)
        if made is None:
            raise ClaimLost(_("Another reviewer holds this part, or it is not in the queue. Claim the next part."))
        return made


def claim_parts(parts: Sequence[Inspection], *, reviewer: User) -> list[Claim]:
    """Claim or renew these locked parts for the reviewer, except other reviewers' parts."""
    made = [Claim(inspection=part, reviewer=reviewer, created_at=Now(), expires_at=_lease_end()) for part in parts]
    Claim.objects.bulk_create(made, ignore_conflicts=True)
    held = held_claims(reviewer).filter(inspection__in=[part.pk for part in parts])
    held.update(expires_at=_lease_end())
    return list(held.with_part())


def renew(claim: Claim) -> Claim:
    """Restart the lease. Raises ClaimLost if the claim is closed."""
    if not _try_renew(claim):
        raise ClaimLost(_("This claim is closed. Claim the next part."))
    return claim


def release(claim: Claim) -> None:
    """Give the part back to the queue. A closed claim stays as it is."""
    Claim.objects.filter(pk=claim.pk).close()


def close_expired_claims() -> int:
    """Close the claims whose lease ran out and return how many. Locked claims are left alone."""
    with transaction.atomic(savepoint=False):
        keys = queue_queries.lock_expired_claims()
        return Claim.objects.filter(pk__in=keys).update(closed_at=Now()) if keys else 0


def held_claims(reviewer: User) -> ClaimQuerySet:
    """Return the reviewer's open claims, oldest first."""
    held = Claim.objects.open().filter(reviewer=reviewer)
    return held.select_related("inspection__product").order_by("created_at", "pk")


def _claim_waiting(reviewer: User, product: Product | None) -> Claim | None:
    for candidate in [product] if product else queue_queries.products_by_queue_rank(reviewer):
        made = _take_next(partial(queue_queries.next_waiting_part, reviewer, candidate), reviewer)
        if made is not None:
            made.inspection.product = candidate
            return made
    return None


def _claim_disputed(reviewer: User, product: Product | None) -> Claim | None:
    disputed = partial(recheck_queue.next_recheck, reviewer, product, disputed_only=True)
    return _take_next(disputed, reviewer) if reviewer.has_perm(ADJUDICATE_PERMISSION) else None


def _claim_recheck(reviewer: User, product: Product | None) -> Claim | None:
    return _take_next(partial(recheck_queue.next_recheck, reviewer, product), reviewer)


def _take_next(find_part: Callable[[], Inspection | None], reviewer: User) -> Claim | None:
    while (part := find_part()) is not None:
        made = queue_queries.create_claim(part, reviewer, CLAIM_SECONDS)
        if made is not None:
            return made
        # Another claim was committed between the query and the lock. The next query sees it.
    return None


def _try_renew(claim: Claim) -> bool:
    # One conditional statement: a claim that a verdict closes concurrently is not renewed.
    if not Claim.objects.open().filter(pk=claim.pk).update(expires_at=_lease_end()):
        return False
    claim.refresh_from_db(fields=["expires_at"])
    return True


def _lease_end() -> Combinable:
    return Now() + timedelta(seconds=CLAIM_SECONDS)
