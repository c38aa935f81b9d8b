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
from labeling.queue.queue_filters import skip_cutoff
from labeling.queue.queue_queries import REVIEWER_PARAM
from mltasks.models import RegisteredModel
from mltasks.models.prepared_queries import PreparedQuery


def waiting_count(product: Product | None = None, *, reviewer: User | None = None) -> int:
    """Return the number of waiting parts, claimed ones and due rechecks included.

    For a reviewer: the parts that this reviewer may judge and did not skip recently.
    """
    counts = waiting_count_by_product(reviewer)
    return counts.get(product.pk, 0) if product else sum(counts.values())


def waiting_count_by_product(reviewer: User | None = None) -> dict[int, int]:
    """Return the waiting count by product key, without products for which nothing waits."""
    if reviewer is None:
        rows = _ALL_WAITING.rows()
    else:
        rows = _waiting_for(reviewer.has_perm(ADJUDICATE_PERMISSION)).rows(person=reviewer.pk)
    counts: Counter[int] = Counter()
    for product, number in rows:
        counts[product] += number
    return dict(+counts)


def busiest_model(reviewer: User) -> RegisteredModel | None:
    """Return the model with most parts waiting for this reviewer; None if nothing waits."""
    counts = waiting_count_by_product(reviewer)
    busiest = max(counts, key=lambda key: (counts[key], -key), default=None)
    return RegisteredModel.objects.filter(product=busiest).first() if counts else None


def longest_wait(product: Product | None = None) -> timedelta | None:
    """Return the longest waiting time of a part; None if nothing waits."""
    return max(longest_wait_by_product(product).values(), default=None)


def longest_wait_by_product(product: Product | None = None) -> dict[int, timedelta]:
    """Return the longest waiting time by product key, without products for which nothing waits.

    One lookup a product in the index `inspection_queue`.
    """
    first = _waiting_parts().filter(product=OuterRef("pk")).order_by(Coalesce("resolved_at", "received_at"), "id")
    rechecks = _due_rechecks().filter(inspection__product=OuterRef("pk")).order_by("due_at")
    products = Product.objects.filter(pk=product.pk) if product else Product.objects.all()
    heads = products.annotate(
        since=Least(Subquery(first.values("received_at")[:1]), Subquery(rechecks.values("due_at")[:1])), now=Now()
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
    rechecks = _due_rechecks().answerable_by(REVIEWER_PARAM, may_adjudicate=may_adjudicate)
    skipped = _count_by("product", _recently_skipped(REVIEWER_PARAM), sign=-1)
    return PreparedQuery(
        lambda: _count_by("product", _waiting_parts()).union(
            _count_by("inspection__product", rechecks), skipped, all=True
        )
    )
