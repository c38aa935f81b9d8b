"""Queue of rechecks, and the reviewers who may get each."""

from __future__ import annotations

import random
from functools import cache

from django.contrib.auth.models import User
from django.db.models import Case, Exists, When
from django.db.models.expressions import Combinable

from inspection.models import Inspection, Product
from labeling.models import Recheck, RecheckQuerySet
from labeling.models.rechecks import ADJUDICATE_PERMISSION
from labeling.queue.queue_filters import not_skipped_by, open_claims_on
from labeling.queue.queue_queries import PRODUCT_PARAM, REVIEWER_PARAM
from mltasks.models.prepared_queries import PreparedQuery

# Share of claims that offer a recheck before a waiting part: a line that never pauses would else leave no time for
# rechecks. Products with more double reviews use their own, larger share.
RECHECK_SHARE = 0.1


def offer_recheck_first(product: Product | None) -> bool:
    """Return True if this claim offers a recheck before a waiting part."""
    judged_twice = product.second_share + product.repeat_share if product else 0.0
    return random.random() < max(RECHECK_SHARE, judged_twice)  # noqa: S311 - nobody gains by guessing it


def next_recheck(reviewer: User, product: Product | None, *, disputed_only: bool = False) -> Inspection | None:
    """Return the part whose recheck has been due longest and that this reviewer may answer.

    None if there is none. Label issues of the reviewer's own labels come last: another person finds more errors. The
    rows of part and recheck are locked; rows that others lock are passed over. ``disputed_only`` limits to disputes.
    """
    kind = (reviewer.has_perm(ADJUDICATE_PERMISSION), product is not None, disputed_only)
    params = {"person": reviewer.pk, "product": product.pk if product else None}
    # Usually there is none, and this query costs less than one that locks.
    if not _any_recheck_query(*kind).rows(**params):
        return None
    for *_, part in _next_recheck_query(*kind).rows(**params):
        return Inspection.objects.get(pk=part)
    return None


def recheck_of(reviewer: User, part: Inspection) -> Inspection | None:
    """Lock and return the part if this reviewer may answer its recheck and the rows are free."""
    rechecks = _unclaimed_rechecks(reviewer, may_adjudicate=reviewer.has_perm(ADJUDICATE_PERMISSION))
    return Inspection.objects.get(pk=part.pk) if _lock_rows(rechecks.filter(inspection=part)).first() else None


def _unclaimed_rechecks(reviewer: User | Combinable, *, may_adjudicate: bool) -> RecheckQuerySet:
    rechecks = Recheck.objects.open().due().answerable_by(reviewer, may_adjudicate=may_adjudicate)
    return rechecks.filter(~Exists(open_claims_on("inspection")))


def _offerable_rechecks(may_adjudicate: bool, of_one_product: bool, disputed_only: bool) -> RecheckQuerySet:
    rechecks = _unclaimed_rechecks(REVIEWER_PARAM, may_adjudicate=may_adjudicate)
    rechecks = rechecks.filter(not_skipped_by(REVIEWER_PARAM, "inspection"))
    rechecks = rechecks.filter(inspection__product=PRODUCT_PARAM) if of_one_product else rechecks
    return rechecks.disputed() if disputed_only else rechecks


def _lock_rows(rechecks: RecheckQuerySet) -> RecheckQuerySet:
    # Both rows are locked, so that a recheck answered meanwhile is seen as closed.
    rows = rechecks.select_related("inspection").only("inspection", "inspection__id")
    return rows.select_for_update(skip_locked=True, of=("self", "inspection"), no_key=True)


@cache
def _any_recheck_query(may_adjudicate: bool, of_one_product: bool, disputed_only: bool) -> PreparedQuery:
    return PreparedQuery(
        lambda: _offerable_rechecks(may_adjudicate, of_one_product, disputed_only).order_by().values_list("pk")[:1]
    )


@cache
def _next_recheck_query(may_adjudicate: bool, of_one_product: bool, disputed_only: bool) -> PreparedQuery:
    """Return the query of the next recheck; its last column is the part's key."""
    own = Case(When(reason=Recheck.Reason.DOUBTED, label__reviewer=REVIEWER_PARAM, then=1), default=0)
    rechecks = _offerable_rechecks(may_adjudicate, of_one_product, disputed_only).order_by(own, "due_at", "pk")
    return PreparedQuery(lambda: _lock_rows(rechecks)[:1])
