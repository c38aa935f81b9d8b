"""The queue's steps in the database that every claim takes. Each is one statement, built once a process."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import BigIntegerField, Case, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.models import Claim
from labeling.queue.prepared_queries import Given, Prepared
from labeling.queue.queue_filters import PLACE, in_order, not_skipped, unclaimed

PERSON = Given("person", BigIntegerField())
PRODUCT = Given("product", BigIntegerField())


def take_turns(reviewer: User) -> None:
    """Lock the reviewer's row. One reviewer's claims are made one after another, so that two tabs can't hold more than
    the limit."""
    _TURN.rows(person=reviewer.pk)


def expired() -> list[UUID]:
    """The claims whose lease ran out, locked. One that is in use just now is left alone."""
    return [key for (key,) in _EXPIRED.rows()]


def held(reviewer: User) -> tuple[list[tuple[UUID, int]], bool]:
    """What the reviewer holds, oldest first, as the claim's key and the product's; and whether anybody's lease ran
    out."""
    found = _HELD.rows(person=reviewer.pk)
    own = [(claim, product) for claim, product, person, _over in found if person == reviewer.pk]
    return own, any(over for *_, over in found)


def next_waiting(reviewer: User, product: Product) -> Inspection | None:
    """The product's next waiting part for this reviewer, locked; parts that others hold or lock are passed over."""
    found: Inspection | None = _NEXT.instance(Inspection, person=reviewer.pk, product=product.pk)
    return found


def products_in_order(reviewer: User) -> list[Product]:
    """Products for which something waits that this reviewer may have, by the place of its first part. The queue's index
    is by product; a few looks into it beat sorting all that waits."""
    return list(Product.objects.raw(*_PRODUCTS.bound(person=reviewer.pk)))


def make_claim(part: Inspection, reviewer: User, seconds: int) -> Claim | None:
    """A claim on this part; None when another's was committed between the look at the part and its lock."""
    made = Claim(pk=uuid4(), inspection=part, reviewer=reviewer)
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, [made.pk, part.pk, reviewer.pk, seconds])
        lease = cursor.fetchone()
    if lease is None:
        return None
    made.created_at, made.expires_at = lease
    made._state.adding, made._state.db = False, connection.alias
    return made


# No key update: rows that refer to the part may still be written meanwhile.
def locking(parts: InspectionQuerySet) -> InspectionQuerySet:
    """The same parts, in order, each locked as it is found."""
    return in_order(parts).select_for_update(skip_locked=True, of=("self",), no_key=True)


_TURN = Prepared(lambda: User.objects.select_for_update(no_key=True).filter(pk=PERSON).values_list("pk"))
_EXPIRED = Prepared(
    lambda: (
        Claim.objects.open()
        .filter(expires_at__lte=Now())
        .select_for_update(skip_locked=True)
        .order_by()
        .values_list("pk")
    )
)
_OVER = Q(expires_at__lte=Now())
_HELD = Prepared(
    lambda: (
        Claim.objects.open()
        .filter(_OVER | Q(reviewer=PERSON))
        .annotate(over=Case(When(_OVER, then=True), default=False))
        .order_by("created_at", "pk")
        .values_list("pk", "inspection__product", "reviewer", "over")
    )
)
_NEXT = Prepared(lambda: locking(unclaimed().filter(not_skipped(PERSON), product=PRODUCT))[:1])
_HEAD = Subquery(in_order(unclaimed().filter(not_skipped(PERSON), product=OuterRef("pk"))).values_list(PLACE)[:1])
_PRODUCTS = Prepared(lambda: Product.objects.annotate(head=_HEAD).filter(head__isnull=False).order_by("head"))
# The ORM's `bulk_create(ignore_conflicts=True)` does not tell what it made, nor when.
_MAKE = """
    INSERT INTO labeling_claim (id, inspection_id, reviewer_id, created_at, expires_at)
    VALUES (%s, %s, %s, statement_timestamp(), statement_timestamp() + make_interval(secs => %s))
    ON CONFLICT DO NOTHING
    RETURNING created_at, expires_at
"""
