"""Sampling of verdicts for a second review, by another person at once or the same one later."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.functions import Now

from inspection.models import Inspection
from inspection.products import hash_sampling
from labeling.models import Label, Recheck
from labeling.rechecks.recheck_resolution import open_recheck

REPEAT_REVIEW_DELAY = timedelta(days=1)
_REVIEW_PERMISSION = "labeling.add_review"
_AUTH_BACKEND = "django.contrib.auth.backends.ModelBackend"


def sample_for_second_review(part: Inspection, label: Label, reviewer: User) -> Recheck | None:
    """Open a blind recheck of the part's first label if the part is sampled. Hold its lock.

    Sample values below ``second_share`` give a second review, if there is another reviewer. The next ``repeat_share``
    gives a repeat review by the same person after one day.
    """
    product, drawn = part.product, second_review_sample_value(part.pk)
    if drawn >= product.second_share + product.repeat_share or _has_earlier_label(label):
        return None
    if drawn >= product.second_share:
        return open_recheck(label, Recheck.Reason.REPEAT, Now() + REPEAT_REVIEW_DELAY)
    return open_recheck(label, Recheck.Reason.SECOND) if _has_other_reviewer(reviewer) else None


def second_review_sample_value(inspection_id: UUID) -> float:
    """Return a number in [0, 1) that depends only on the inspection's id, also after an undo."""
    return hash_sampling.hash_uniform(b"second look:" + inspection_id.bytes)


def _has_earlier_label(label: Label) -> bool:
    return Label.objects.not_undone().filter(inspection=label.inspection_id).exclude(pk=label.pk).exists()


def _has_other_reviewer(reviewer: User) -> bool:
    return User.objects.with_perm(_REVIEW_PERMISSION, backend=_AUTH_BACKEND).exclude(pk=reviewer.pk).exists()
