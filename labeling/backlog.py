"""How much waits for people, and for how long: parts that were routed to them, and those that are judged again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.models import Recheck, RecheckQuerySet


def waiting(product: Product | None = None, *, reviewer: User | None = None) -> int:
    """Number of parts that a person has yet to look at, claimed ones included; for a reviewer those that they may
    judge. What comes back later does not wait yet."""
    return _routed(product).count() + _judged_again(product, reviewer).count()


def waiting_by_product(reviewer: User | None = None) -> dict[int, int]:
    """The same of every product, by its key. Products for which nothing waits are left out."""
    found: dict[int, int] = dict(_routed(None).values_list("product").annotate(Count("pk")))
    again = _judged_again(None, reviewer).values_list("inspection__product").annotate(Count("pk"))
    for product, number in again:
        found[product] = found.get(product, 0) + number
    return found


def oldest_wait(product: Product | None = None) -> timedelta | None:
    """How long the part that waits longest has waited; None when none does."""
    since = [moment for moment in (_first_arrival(product), _first_due(product)) if moment is not None]
    if not since:
        return None
    now: datetime = Product.objects.values_list(Now())[0][0]
    return now - min(since)


def _routed(product: Product | None) -> InspectionQuerySet:
    parts = Inspection.objects.awaiting_review().order_by()
    return parts.filter(product=product) if product else parts


def _judged_again(product: Product | None, reviewer: User | None) -> RecheckQuerySet:
    again = Recheck.objects.open().due().order_by()
    if reviewer is not None:
        again = again.for_person(reviewer)
    return again.filter(inspection__product=product) if product else again


def _first_arrival(product: Product | None) -> datetime | None:
    """One look a product into the index `inspection_queue`, which has waiting parts in the order of arrival."""
    first = _routed(None).filter(product=OuterRef("pk")).order_by(Coalesce("settled_at", "received_at"), "id")
    products: QuerySet[Product] = Product.objects.filter(pk=product.pk) if product else Product.objects.all()
    found: datetime | None = products.annotate(head=Subquery(first.values("received_at")[:1])).aggregate(
        first=Min("head")
    )["first"]
    return found


def _first_due(product: Product | None) -> datetime | None:
    found: datetime | None = _judged_again(product, None).aggregate(first=Min("due_at"))["first"]
    return found
