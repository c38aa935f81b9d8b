"""Prepared queries of the claim step: one statement each, built once a process."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import BigIntegerField, Case, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.models import Claim
from labeling.queue.queue_filters import QUEUE_SORT_KEY, in_queue_order, not_skipped_by, unclaimed_parts
from mltasks.models.prepared_queries import Param, PreparedQuery

REVIEWER_PARAM = Param("person", BigIntegerField())
PRODUCT_PARAM = Param("product", BigIntegerField())


def lock_reviewer(reviewer: User) -> None:
    """Lock the reviewer's row, so that two tabs can't hold more claims than the limit."""
    _LOCK_REVIEWER.rows(person=reviewer.pk)


def lock_expired_claims() -> list[UUID]:
    """Lock the claims whose lease ran out and return their keys. Locked claims are left alone."""
    return [key for (key,) in _EXPIRED_CLAIMS.rows()]


def held_claim_keys(reviewer: User) -> tuple[list[tuple[UUID, int]], bool]:
    """Return keys of the reviewer's claims and their products, and if any lease ran out."""
    rows = _HELD_CLAIMS.rows(person=reviewer.pk)
    own = [(claim, product) for claim, product, person, _expired in rows if person == reviewer.pk]
    return own, any(expired for *_, expired in rows)


def next_waiting_part(reviewer: User, product: Product) -> Inspection | None:
    """Lock and return the product's next part for this reviewer; skip held and locked parts."""
    part: Inspection | None = _NEXT_WAITING_PART.instance(Inspection, person=reviewer.pk, product=product.pk)
    return part


def products_by_queue_rank(reviewer: User) -> list[Product]:
    """Return products with parts for this reviewer, by the queue rank of the first part.

    The queue's index is by product; one lookup a product is faster than sorting all waiting parts.
    """
    return list(Product.objects.raw(*_PRODUCTS_BY_QUEUE_RANK.bind(person=reviewer.pk)))


def create_claim(part: Inspection, reviewer: User, seconds: int) -> Claim | None:
    """Create a claim on this part; None if another claim was committed before the lock."""
    made = Claim(pk=uuid4(), inspection=part, reviewer=reviewer)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_CLAIM, [made.pk, part.pk, reviewer.pk, seconds])
        lease = cursor.fetchone()
    if lease is None:
        return None
    made.created_at, made.expires_at = lease
    made._state.adding, made._state.db = False, connection.alias
    return made


# NO KEY UPDATE: rows that refer to the part may be written meanwhile.
def lock_in_queue_order(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Return the parts in queue order, each locked as it is read."""
    return in_queue_order(parts).select_for_update(skip_locked=True, of=("self",), no_key=True)


_LOCK_REVIEWER = PreparedQuery(
    lambda: User.objects.select_for_update(no_key=True).filter(pk=REVIEWER_PARAM).values_list("pk")
)
_EXPIRED_CLAIMS = PreparedQuery(
    lambda: (
        Claim.objects.open()
        .filter(expires_at__lte=Now())
        .select_for_update(skip_locked=True)
        .order_by()
        .values_list("pk")
    )
)
_LEASE_EXPIRED = Q(expires_at__lte=Now())
_HELD_CLAIMS = PreparedQuery(
    lambda: (
        Claim.objects.open()
        .filter(_LEASE_EXPIRED | Q(reviewer=REVIEWER_PARAM))
        .annotate(expired=Case(When(_LEASE_EXPIRED, then=True), default=False))
        .order_by("created_at", "pk")
        .values_list("pk", "inspection__product", "reviewer", "expired")
    )
)
_NEXT_WAITING_PART = PreparedQuery(
    lambda: lock_in_queue_order(unclaimed_parts().filter(not_skipped_by(REVIEWER_PARAM), product=PRODUCT_PARAM))[:1]
)
_FIRST_SORT_KEY = Subquery(
    in_queue_order(unclaimed_parts().filter(not_skipped_by(REVIEWER_PARAM), product=OuterRef("pk"))).values_list(
        QUEUE_SORT_KEY
    )[:1]
)
_PRODUCTS_BY_QUEUE_RANK = PreparedQuery(
    lambda: Product.objects.annotate(head=_FIRST_SORT_KEY).filter(head__isnull=False).order_by("head")
)
# The ORM's `bulk_create(ignore_conflicts=True)` returns neither the created rows nor their times.
_INSERT_CLAIM = """
    INSERT INTO labeling_claim (id, inspection_id, reviewer_id, created_at, expires_at)
    VALUES (%s, %s, %s, statement_timestamp(), statement_timestamp() + make_interval(secs => %s))
    ON CONFLICT DO NOTHING
    RETURNING created_at, expires_at
"""
