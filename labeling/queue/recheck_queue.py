"""The queue's other half: labeled parts that are judged again, and who gets which."""

from __future__ import annotations

import random
from functools import cache

from django.contrib.auth.models import User
from django.db.models import Case, Exists, When
from django.db.models.expressions import Combinable

from inspection.models import Inspection, Product
from labeling.models import Recheck, RecheckQuerySet
from labeling.models.rechecks import ADJUDICATE
from labeling.queue.prepared_queries import Prepared
from labeling.queue.queue_filters import not_skipped, open_claims
from labeling.queue.queue_queries import PERSON, PRODUCT

# Labels in doubt come after the parts that wait, and now and then before them: a line that never rests would else
# keep people from them. More often where more verdicts are judged twice.
RECHECK_SHARE = 0.1


def first(product: Product | None) -> bool:
    """Whether this claim asks for a part that is judged again before one that waits."""
    judged_twice = product.second_share + product.repeat_share if product else 0.0
    return random.random() < max(RECHECK_SHARE, judged_twice)  # noqa: S311 - nobody gains by guessing it


def next_again(reviewer: User, product: Product | None, *, disputed: bool = False) -> Inspection | None:
    """The next part of those that this person may judge again, the one that has been due for longest first; of labels
    in doubt their own come last: a second pair of eyes sees more. Its row and the recheck's are locked, and those that
    others lock are passed over. ``disputed`` looks at what two people differ on alone."""
    kind = (reviewer.has_perm(ADJUDICATE), product is not None, disputed)
    given = {"person": reviewer.pk, "product": product.pk if product else None}
    # Most of the time there is none; this look costs less than one that locks.
    if not _any_waits(*kind).rows(**given):
        return None
    for *_, part in _next(*kind).rows(**given):
        return Inspection.objects.get(pk=part)
    return None


def this_again(reviewer: User, part: Inspection) -> Inspection | None:
    """The same part, locked, where this person may judge it again; None where not, or where somebody else locks it."""
    again = _locking(_free(reviewer, settles=reviewer.has_perm(ADJUDICATE)).filter(inspection=part))
    return Inspection.objects.get(pk=part.pk) if again.first() else None


def _free(person: User | Combinable, *, settles: bool) -> RecheckQuerySet:
    again = Recheck.objects.open().due().answerable(person, settles=settles)
    return again.filter(~Exists(open_claims("inspection")))


def _offered(settles: bool, of_one_product: bool, disputed: bool) -> RecheckQuerySet:
    again = _free(PERSON, settles=settles).filter(not_skipped(PERSON, "inspection"))
    again = again.filter(inspection__product=PRODUCT) if of_one_product else again
    return again.disputed() if disputed else again


def _locking(again: RecheckQuerySet) -> RecheckQuerySet:
    # Both rows are locked, so that one that was answered meanwhile is seen to be closed.
    rows = again.select_related("inspection").only("inspection", "inspection__id")
    return rows.select_for_update(skip_locked=True, of=("self", "inspection"), no_key=True)


@cache
def _any_waits(settles: bool, of_one_product: bool, disputed: bool) -> Prepared:
    return Prepared(lambda: _offered(settles, of_one_product, disputed).order_by().values_list("pk")[:1])


@cache
def _next(settles: bool, of_one_product: bool, disputed: bool) -> Prepared:
    """The last column is the part's key."""
    own = Case(When(reason=Recheck.Reason.DOUBTED, label__reviewer=PERSON, then=1), default=0)
    again = _offered(settles, of_one_product, disputed).order_by(own, "due_at", "pk")
    return Prepared(lambda: _locking(again)[:1])
