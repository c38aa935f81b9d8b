"""Lineage of a part, one structure of plain values for the page and for REST.

1. The verdict's version, with its own lineage and who promoted it.
2. The labels of the part's image, with the versions trained on each.
3. The snapshots with the image, with the change of its label since.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Q

from inspection.models import Inspection
from labeling.history import frozen_labels
from labeling.history.frozen_labels import FrozenLabel
from labeling.models import Label, Recheck
from labeling.models.defect_types import current_type_name
from mltasks.models import ModelVersion, Promotion
from mltasks.reports import version_lineage
from mltasks.snapshots.split_names import split_text

LineageData = dict[str, Any]


def build_part_lineage(part: Inspection, *, hidden: Collection[UUID] = (), blind: bool = False) -> LineageData:
    """Return the part's lineage.

    Labels are left out, even their number, if this part or another one with its image is ``hidden``. Verdict and
    version are left out for a reviewer who judges the part ``blind``.
    """
    version = None if blind else part.model_version
    same_image = Inspection.objects.filter(product=part.product_id, image_sha256=part.image_sha256)
    lineage: LineageData = {
        "inspection": str(part.pk),
        "product": part.product.registered_model.name,
        "image_sha256": part.image_sha256,
        "blind": blind,
        "verdict": None if blind else _verdict_data(part),
        "version": _version_data(part, version.pk) if version else None,
        "hidden": bool(hidden) and same_image.filter(pk__in=hidden).exists(),
        "disputed": False,
        "counts": None,
        "labels": [],
        "snapshots": [],
    }
    if not lineage["hidden"]:
        labels = frozen_labels.labels_of_image(part)
        snapshots = frozen_labels.load_frozen_labels(part, labels)
        standing = next(iter(frozen_labels.standing_labels(labels)), None)
        lineage["counts"] = _label_data(standing) if standing else None
        disputed = Recheck.objects.disputed().filter(inspection=standing.inspection_id if standing else None)
        lineage["disputed"] = standing is not None and disputed.exists()
        lineage["labels"] = [_label_with_training(label, standing, snapshots) for label in labels]
        lineage["snapshots"] = [_snapshot_data(frozen, standing) for frozen in snapshots]
    return lineage


def _verdict_data(part: Inspection) -> LineageData | None:
    if not part.verdict:
        return None
    return {
        "verdict": part.verdict,
        "reasons": part.reasons,
        "decided_at": part.decided_at,
        "model_says": part.model_verdict,
        "defect_probability": part.defect_probability,
        "novelty": part.novelty,
    }


def _version_data(part: Inspection, key: int) -> LineageData:
    """Return the version that decided: lineage, state now, and promotion at that time."""
    version = ModelVersion.objects.with_origin().defer("run__log", "run__epochs", "report__evaluation").get(pk=key)
    return {
        "number": version.number,
        "state": version.state,
        "state_words": str(version.get_state_display()),
        "promotion": _promotion_data(part, version),
        "lineage": version_lineage.build_version_lineage(version),
    }


def _promotion_data(part: Inspection, version: ModelVersion) -> LineageData | None:
    """Return the last promotion before the version decided, and the next; None without any."""
    then = Promotion.objects.filter(model=version.model_id, created_at__lte=part.decided_at or part.received_at)
    last = then.filter(version=version).select_related("by").order_by("-created_at", "-pk").first()
    if last is None:
        return None
    after = Q(previous=version, created_at__gte=last.created_at, pk__gt=last.pk)
    ended = Promotion.objects.filter(after).select_related("version").order_by("created_at", "pk").first()
    return {
        "at": last.created_at,
        "by": last.by.get_username() if last.by else None,
        "reason": last.reason,
        "was_champion": ended is None or part.decided_at is None or ended.created_at > part.decided_at,
        "until": ended.created_at if ended else None,
        "replaced_by": ended.version.number if ended else None,
    }


def _label_data(label: Label) -> LineageData:
    undo = getattr(label, "undo", None)
    return {
        "id": label.pk,
        "inspection": str(label.inspection_id),
        "verdict": label.verdict,
        "defect_type": current_type_name(label.defect_type),
        "source": label.source,
        "provenance": label.provenance,
        "provenance_words": str(label.get_provenance_display()),
        "by": label.reviewer.get_username() if label.reviewer else None,
        "at": label.created_at,
        "taken_back": {"by": undo.by.get_username(), "at": undo.created_at} if undo else None,
    }


def _label_with_training(label: Label, standing: Label | None, snapshots: list[FrozenLabel]) -> LineageData:
    """Return a label, if it counts, and the snapshots and versions trained on it."""
    copies = [frozen for frozen in snapshots if frozen.label == label]
    return {
        **_label_data(label),
        "counts": label == standing,
        "taught": [
            {"snapshot": copy.item.snapshot.number, "versions": copy.versions, "split": copy.item.split}
            for copy in copies
        ],
    }


def _snapshot_data(frozen: FrozenLabel, standing: Label | None) -> LineageData:
    """Return a snapshot's copy of the label, its versions, and the standing label today."""
    item = frozen.item
    return {
        "number": item.snapshot.number,
        "frozen_at": item.snapshot.created_at,
        "verdict": "FAIL" if item.target else "PASS",
        "defect_type": item.defect_type,
        "split": item.split,
        "split_words": split_text(item.split),
        "group": item.group,
        "versions": frozen.versions,
        "label": frozen.label.pk if frozen.label else None,
        "since": frozen.change_since(standing),
        "today": _label_data(standing) if standing else None,
    }
