"""Labels that snapshots froze, and their changes since.

A snapshot copies a label without a reference to it, so that nothing can rewrite the copy. The label is found again
by content and time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspection.models import Inspection
from labeling.models import Label
from labeling.models.defect_types import current_type_name
from mltasks.models import ModelVersion, SnapshotItem
from mltasks.vision.types import HOLDOUT


@dataclass(frozen=True)
class FrozenLabel:
    """Copy of an image's label in one snapshot.

    ``versions``, each by ``number`` and ``state``, were trained on it (none in the holdout). ``label`` is the copied
    label; None if no row matches.
    """

    item: SnapshotItem
    versions: list[dict[str, Any]]
    label: Label | None

    def change_since(self, standing: Label | None) -> str:
        """Return how the image's standing label differs from the frozen one.

        ``same`` (the frozen label stands), ``confirmed`` (another label that agrees), ``type`` (another defect type),
        ``corrected`` (another verdict), or ``withdrawn`` (no label stands).
        """
        if standing is None:
            return "withdrawn"
        if standing.target != self.item.target:
            return "corrected"
        if standing == self.label:
            return "same"
        # A type that was merged or renamed since is no change: compare with the frozen label's current type.
        then = {
            self.item.defect_type,
            current_type_name(self.label.defect_type) if self.label else self.item.defect_type,
        }
        return "confirmed" if current_type_name(standing.defect_type) in then else "type"


def labels_of_image(part: Inspection) -> list[Label]:
    """Return all labels of the image in the part's product, of any part, oldest first."""
    same = Label.objects.filter(inspection__product=part.product_id, inspection__image_sha256=part.image_sha256)
    related = same.select_related("reviewer", "defect_type__merged_into", "undo__by")
    return list(related.order_by("created_at", "pk"))


def load_frozen_labels(part: Inspection, labels: Sequence[Label]) -> list[FrozenLabel]:
    """Return the snapshots with the part's image, oldest first, each with the copied label."""
    model = part.product.registered_model_id
    items = SnapshotItem.objects.filter(snapshot__model=model, image_sha256=part.image_sha256)
    frozen = list(items.select_related("snapshot").order_by("snapshot__number"))
    versions_of = _trained_versions(item.snapshot_id for item in frozen)
    return [
        FrozenLabel(item, [] if item.split == HOLDOUT else versions_of[item.snapshot_id], _copied_label(item, labels))
        for item in frozen
    ]


def _trained_versions(snapshots: Iterable[int]) -> defaultdict[int, list[dict[str, Any]]]:
    """Return the trained versions by snapshot."""
    versions = ModelVersion.objects.filter(run__snapshot__in=list(snapshots)).order_by("number")
    by_snapshot = defaultdict[int, list[dict[str, Any]]](list)
    for snapshot, number, state in versions.values_list("run__snapshot", "number", "state"):
        by_snapshot[snapshot].append({"number": number, "state": state})
    return by_snapshot


def _copied_label(item: SnapshotItem, labels: Sequence[Label]) -> Label | None:
    """Return the newest label that counted then and matches the frozen item.

    A snapshot reads labels a moment before its own time; labels written in between are passed over.
    """
    counted = [label for label in standing_labels(labels, item.snapshot.created_at) if label.target == item.target]
    named = [label for label in counted if current_type_name(label.defect_type) == item.defect_type]
    return next(iter([*named, *counted]), None)


def standing_labels(labels: Sequence[Label], at: datetime | None = None) -> list[Label]:
    """Return the labels that are not undone now, or were not at a time, by falling precedence."""
    given = [label for label in labels if at is None or label.created_at <= at]
    counting = [label for label in given if not _was_undone(label, at)]
    return sorted(counting, key=lambda label: label.precedence, reverse=True)


def _was_undone(label: Label, at: datetime | None) -> bool:
    undo = getattr(label, "undo", None)
    return undo is not None and (at is None or undo.created_at <= at)
