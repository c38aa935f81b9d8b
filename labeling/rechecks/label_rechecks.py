"""Rechecks of label issues: labels that a new version finds improbable."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.fields.json import KeyTransform

from inspection.models import Inspection, Product
from labeling.datasets.datasets import standing_labels
from labeling.models import Label, Recheck
from mltasks.models import ModelVersion, RegisteredModel

logger = logging.getLogger(__name__)

MAX_RECHECKS = 50  # rechecks that a version may open, and that may be open at once for a product
MAX_RECHECK_SHARE = 0.05  # of the labels in the version's snapshot; never less than one


def open_label_rechecks() -> list[Recheck]:
    """Open rechecks of the label issues of each model's newest version; return the new ones.

    Imported versions are left out. An error with one version is logged and does not stop the others.
    """
    opened = []
    # An imported version was not trained on these labels.
    newest = ModelVersion.objects.filter(imported=None).order_by("model_id", "-number").distinct("model_id")
    for version in newest.select_related("model", "run__snapshot"):
        try:
            opened += open_rechecks(version)
        except Exception:
            logger.exception("The rechecks of the label issues of %s could not be opened", version)
    return opened


def open_rechecks(version: ModelVersion) -> list[Recheck]:
    """Open rechecks of the labels that the version's report suspects, the most improbable first.

    Idempotent. Left out are parts whose label changed since, and verdicts that were rechecked before. At most 50, and
    at most 5 % of the labels that the version was trained on.
    """
    issues = _label_issues(version)
    product = Product.objects.filter(registered_model=version.model_id).first()
    if not issues or product is None:
        return []
    with transaction.atomic():
        # A second worker waits here, then sees the first one's rows. Constraints back this up.
        RegisteredModel.objects.select_for_update(no_key=True).get(pk=version.model_id)
        room = _max_rechecks(version) - _counted_rechecks(version, product)
        opened: list[Recheck] = []
        for issue in issues:
            if len(opened) >= room:
                break
            opened += _open_recheck(version, product, issue)
        return opened


def _label_issues(version: ModelVersion) -> list[dict[str, Any]]:
    # Only this key: the curves of a report are long.
    reported = ModelVersion.objects.filter(pk=version.pk).annotate(
        issues=KeyTransform("suspects", "report__evaluation")
    )
    return reported.values_list("issues", flat=True).get() or []


def _max_rechecks(version: ModelVersion) -> int:
    snapshot = version.run.snapshot
    return min(MAX_RECHECKS, max(1, int(MAX_RECHECK_SHARE * snapshot.total))) if snapshot else 0


def _counted_rechecks(version: ModelVersion, product: Product) -> int:
    mine = Q(version=version) | Q(closed_at__isnull=True, inspection__product=product)
    return Recheck.objects.filter(mine, reason=Recheck.Reason.DOUBTED).count()


def _open_recheck(version: ModelVersion, product: Product, issue: dict[str, Any]) -> list[Recheck]:
    key = _trained_part(product, issue)
    if key is None:
        return []
    # Lock order of all steps on a part: its own row first.
    part = Inspection.objects.select_for_update(no_key=True).get(pk=key)
    label = Label.objects.filter(inspection=part).standing().first()
    if label is None or label.target != issue["target"] or _was_rechecked(label):
        return []
    made = Recheck(inspection=part, label=label, given=label.verdict, version=version, probability=issue["probability"])
    made.save()
    return [made]


def _trained_part(product: Product, issue: dict[str, Any]) -> Any:
    """Return the key of the part whose label the snapshot used for the image; None without any."""
    labels = standing_labels(product).filter(inspection__image_sha256=issue["sha256"])
    counting = max(labels, key=lambda label: label.precedence, default=None)
    return counting.inspection_id if counting else None


def _was_rechecked(label: Label) -> bool:
    # For any reason: an open recheck always concerns the standing label.
    same = Recheck.objects.filter(inspection=label.inspection_id, given=label.verdict)
    return same.exclude(outcome=Recheck.Outcome.WITHDRAWN).exists()
