"""The queue's other half: labeled parts that are judged again, and who gets which."""

from __future__ import annotations

import random
from collections.abc import Callable

from django.contrib.auth.models import User
from django.db.models import Case, Exists, OuterRef, Q, When

from inspection.models import Inspection, Product
from labeling.models import Claim, Recheck, RecheckQuerySet

# Labels in doubt come after the parts that wait, and now and then before them: a line that never rests would else
# keep people from them. More often where more verdicts are judged twice.
RECHECK_SHARE = 0.1

Look = Callable[[], Inspection | None]


def first(product: Product | None) -> bool:
    """Whether this claim asks for a part that is judged again before one that waits."""
    judged_twice = product.second_share + product.repeat_share if product else 0.0
    return random.random() < max(RECHECK_SHARE, judged_twice)  # noqa: S311 - nobody gains by guessing it


def lockable(reviewer: User, wanted: Q) -> Look:
    """The next part of those that this person may judge again, the one that has been due for longest first; of labels
    in doubt their own come last: a second pair of eyes sees more."""
    own = Case(When(reason=Recheck.Reason.DOUBTED, label__reviewer=reviewer, then=1), default=0)
    return _locked(_free(reviewer, wanted).order_by(own, "due_at", "pk"))


def waits(reviewer: User, wanted: Q) -> bool:
    """Whether there may be one. Most of the time there is none; this look costs less than one that locks."""
    return _free(reviewer, wanted).exists()


def of(product: Product | None) -> Q:
    """Rechecks of the product, or of all."""
    return Q(inspection__product=product) if product else Q()


DISPUTED = Q(reason=Recheck.Reason.DISPUTED)


def _free(reviewer: User, wanted: Q) -> RecheckQuerySet:
    claims = Claim.objects.open().filter(inspection=OuterRef("inspection"))
    return Recheck.objects.open().due().for_person(reviewer).filter(wanted).filter(~Exists(claims))


def _locked(rechecks: RecheckQuerySet) -> Look:
    # Both rows are locked, so that one that was answered meanwhile is seen to be closed.
    rows = rechecks.select_related("inspection")
    locked = rows.select_for_update(skip_locked=True, of=("self", "inspection"), no_key=True)

    def look() -> Inspection | None:
        found = locked.first()
        return found.inspection if found else None

    return look
