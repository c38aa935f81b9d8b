"""Which verdicts are judged twice: a lot decides, by another person at once or by the same one after a day."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from inspection.models import Inspection
from inspection.products import hash_sampling
from labeling.models import Label, Recheck

REPEAT_AFTER = timedelta(days=1)
_REVIEW = "labeling.add_review"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def draw(part: Inspection, label: Label, reviewer: User) -> Recheck | None:
    """Let the reviewer's first verdict on a part be judged again, if its lot says so. Hold the part's lock.

    Below the product's ``second_share`` another person judges it, and nobody where there is no other; in the
    ``repeat_share`` above, the same person after a day.
    """
    product, drawn = part.product, lot(part.pk)
    if drawn >= product.second_share + product.repeat_share or _judged_before(label):
        return None
    if drawn >= product.second_share:
        return _opened(label, Recheck.Reason.REPEAT, Now() + REPEAT_AFTER)
    return _opened(label, Recheck.Reason.SECOND, Now()) if _another_may_review(reviewer) else None


def lot(inspection_id: UUID) -> float:
    """A number in [0, 1) that follows from the inspection's id alone: judged anew after an undo, it draws the same."""
    return hash_sampling.lot(b"second look:" + inspection_id.bytes)


def _judged_before(label: Label) -> bool:
    return Label.objects.not_undone().filter(inspection=label.inspection_id).exclude(pk=label.pk).exists()


def _another_may_review(reviewer: User) -> bool:
    return User.objects.with_perm(_REVIEW, backend=_BACKEND).exclude(pk=reviewer.pk).exists()


def _opened(label: Label, reason: Recheck.Reason, due_at: Combinable) -> Recheck:
    return Recheck.objects.create(
        inspection_id=label.inspection_id, reason=reason, label=label, given=label.verdict, due_at=due_at
    )
