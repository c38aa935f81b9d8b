"""Where a part's verdict comes from, and what its labels taught: one structure for the page and for REST.

Plain values: a verdict's version with its own lineage and who had promoted it, the labels of the part's image with the
versions that each taught, and the snapshots that hold the image with what has become of the label since.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Q

from inspection.models import Inspection, InspectionQuerySet
from labeling.history import frozen_labels
from labeling.history.frozen_labels import Frozen
from labeling.models import Label
from labeling.models.defect_types import current_name
from mltasks.models import ModelVersion, Promotion
from mltasks.reports import version_lineage

Facts = dict[str, Any]


def of(part: Inspection, *, hidden: Collection[UUID] = (), blind: bool = False) -> Facts:
    """The part's lineage; nothing of its labels for somebody from whom the part, or another one with the same image, is
    ``hidden``: not even whether there are any. Nothing of the verdict and its version for somebody who judges the part
    ``blind``."""
    version = None if blind else part.model_version
    found: Facts = {
        "inspection": str(part.pk),
        "product": part.product.registered_model.name,
        "image_sha256": part.image_sha256,
        "blind": blind,
        "verdict": None if blind else _verdict(part),
        "version": _version(part, version.pk) if version else None,
        "hidden": bool(hidden) and _same_image(part).filter(pk__in=hidden).exists(),
        "disputed": False,
        "counts": None,
        "labels": [],
        "snapshots": [],
    }
    if not found["hidden"]:
        labels = frozen_labels.of_image(part)
        snapshots = frozen_labels.snapshots(part, labels)
        standing = frozen_labels.standing(labels)
        found["counts"] = _said(standing) if standing else None
        found["disputed"] = standing is not None and frozen_labels.is_disputed(standing)
        found["labels"] = [_label(label, standing, snapshots) for label in labels]
        found["snapshots"] = [_snapshot(frozen, standing) for frozen in snapshots]
    return found


def _same_image(part: Inspection) -> InspectionQuerySet:
    return Inspection.objects.filter(product=part.product_id, image_sha256=part.image_sha256)


def _verdict(part: Inspection) -> Facts | None:
    if not part.verdict:
        return None
    return {
        "verdict": part.verdict,
        "reasons": part.reasons,
        "decided_at": part.decided_at,
        "model_says": part.label,
        "defect_probability": part.defect_probability,
        "novelty": part.novelty,
    }


def _version(part: Inspection, key: int) -> Facts:
    """The version that decided: its lineage, its state now, and the promotion by which it decided then."""
    version = ModelVersion.objects.with_origin().defer("run__log", "run__epochs", "report__evaluation").get(pk=key)
    return {
        "number": version.number,
        "state": version.state,
        "state_words": str(version.get_state_display()),
        "promotion": _promotion(part, version),
        "lineage": version_lineage.of(version),
    }


def _promotion(part: Inspection, version: ModelVersion) -> Facts | None:
    """Who had made the version champion before it decided, and when another one took its place; None where nobody had,
    as of a part that was scored by hand."""
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


def _said(label: Label) -> Facts:
    undo = getattr(label, "undo", None)
    return {
        "id": label.pk,
        "inspection": str(label.inspection_id),
        "verdict": label.verdict,
        "defect_type": current_name(label.defect_type),
        "source": label.source,
        "provenance": label.provenance,
        "provenance_words": str(label.get_provenance_display()),
        "by": label.reviewer.get_username() if label.reviewer else None,
        "at": label.created_at,
        "taken_back": {"by": undo.by.get_username(), "at": undo.created_at} if undo else None,
    }


def _label(label: Label, standing: Label | None, snapshots: list[Frozen]) -> Facts:
    """A label, whether it is the one that counts, and the snapshots and versions that learned it."""
    taught = [frozen for frozen in snapshots if frozen.label == label]
    return {
        **_said(label),
        "counts": label == standing,
        "taught": [{"snapshot": one.number, "versions": _versions(one), "split": one.item.split} for one in taught],
    }


def _snapshot(frozen: Frozen, standing: Label | None) -> Facts:
    """What a snapshot holds of the image, what it taught, and what is said of the image today."""
    item = frozen.item
    return {
        "number": frozen.number,
        "frozen_at": item.snapshot.created_at,
        "verdict": frozen.verdict,
        "defect_type": item.defect_type,
        "split": item.split,
        "split_words": frozen.split_words,
        "group": item.group,
        "versions": _versions(frozen),
        "label": frozen.label.pk if frozen.label else None,
        "since": frozen.since(standing),
        "today": _said(standing) if standing else None,
    }


def _versions(frozen: Frozen) -> list[Facts]:
    return [taught._asdict() for taught in frozen.versions]
