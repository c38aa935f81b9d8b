"""Number of waiting parts, due rechecks included, and their waiting times."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Least, Now

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.models import Recheck, RecheckQuerySet, Skip
from labeling.models.rechecks import ADJUDICATE_PERMISSION
from labeling.queue.prepared_queries import PreparedQuery
from labeling.queue.queue_filters import skip_cutoff
from labeling.queue.queue_queries import REVIEWER_PARAM
from mltasks.models import RegisteredModel


def waiting_count(product: Product | None = None, *, reviewer: User | None = None) -> int:
    """Return the number of waiting parts, claimed ones and due rechecks included.

    For a reviewer: the parts that this reviewer may judge and did not skip recently.
    """
    found = waiting_count_by_product(reviewer)
    return found.get(product.pk, 0) if product else sum(found.values())


def waiting_count_by_product(reviewer: User | None = None) -> dict[int, int]:
    """Return the waiting count by product key, without products for which nothing waits."""
    found: Counter[int] = Counter()
    asked = (
        _ALL_WAITING.rows()
        if reviewer is None
        else _waiting_for(reviewer.has_perm(ADJUDICATE_PERMISSION)).rows(person=reviewer.pk)
    )
    for product, number in asked:
        found[product] += number
    return {product: number for product, number in found.items() if number > 0}


def busiest_model(reviewer: User) -> RegisteredModel | None:
    """Return the model with most parts waiting for this reviewer; None if nothing waits."""
    waiting_of = waiting_count_by_product(reviewer)
    if not waiting_of:
        return None
    busiest = max(waiting_of, key=lambda key: (waiting_of[key], -key))
    return RegisteredModel.objects.filter(product=busiest).first()


def longest_wait(product: Product | None = None) -> timedelta | None:
    """Return the longest waiting time of a part; None if nothing waits."""
    return max(_wait_by_product(product).values(), default=None)


def longest_wait_by_product() -> dict[int, timedelta]:
    """Return the longest waiting time by product key, without products for which nothing waits."""
    return _wait_by_product(None)


def _wait_by_product(product: Product | None) -> dict[int, timedelta]:
    """Return the longest wait by product, by one lookup each in the index `inspection_queue`."""
    first = _waiting_parts().filter(product=OuterRef("pk")).order_by(Coalesce("resolved_at", "received_at"), "id")
    again = _due_rechecks().filter(inspection__product=OuterRef("pk")).order_by("due_at")
    products = Product.objects.filter(pk=product.pk) if product else Product.objects.all()
    heads = products.annotate(
        since=Least(Subquery(first.values("received_at")[:1]), Subquery(again.values("due_at")[:1])), now=Now()
    )
    return {key: now - since for key, since, now in heads.values_list("pk", "since", "now") if since is not None}


def _waiting_parts() -> InspectionQuerySet:
    return Inspection.objects.awaiting_review().order_by()


def _recently_skipped(reviewer: Combinable) -> InspectionQuerySet:
    """Return waiting parts that the queue does not offer this reviewer now: a shift's skips."""
    lately = Skip.objects.filter(reviewer=reviewer, created_at__gt=skip_cutoff()).values("inspection")
    return _waiting_parts().filter(pk__in=lately)


def _due_rechecks() -> RecheckQuerySet:
    return Recheck.objects.open().due().order_by()


# Every page needs these counts: one query, built once a process. A product has one row a kind; the rows are summed.
def _count_by(column: str, parts: QuerySet[Any, Any], *, sign: int = 1) -> QuerySet[Any, Any]:
    counted: QuerySet[Any, Any] = parts.values_list(column).annotate(number=sign * Count("pk"))
    return counted


_ALL_WAITING = PreparedQuery(
    lambda: _count_by("product", _waiting_parts()).union(_count_by("inspection__product", _due_rechecks()), all=True)
)


@cache
def _waiting_for(may_adjudicate: bool) -> PreparedQuery:
    again = _due_rechecks().answerable_by(REVIEWER_PARAM, may_adjudicate=may_adjudicate)
    skipped = _count_by("product", _recently_skipped(REVIEWER_PARAM), sign=-1)
    return PreparedQuery(
        lambda: _count_by("product", _waiting_parts()).union(_count_by("inspection__product", again), skipped, all=True)
    )
