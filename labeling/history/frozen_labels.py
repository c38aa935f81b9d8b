"""Which label of an image a snapshot froze, and what has become of it since.

A snapshot copies and names no label, so that nothing can rewrite it: the label is found again by what it says and when.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from inspection.models import Inspection
from labeling.models import Label, Recheck
from labeling.models.defect_types import current_type_name
from mltasks.models import ModelVersion, SnapshotItem
from mltasks.snapshots.split_names import split_text
from mltasks.vision.types import HOLDOUT


class TrainedVersion(NamedTuple):
    """A version that learned from a snapshot."""

    number: int
    state: str


@dataclass(frozen=True)
class FrozenLabel:
    """What one snapshot holds of an image, the versions that it taught (none where it is locked), and the label that it
    copied; None where no label of today's rows says that."""

    item: SnapshotItem
    versions: list[TrainedVersion]
    label: Label | None

    @property
    def snapshot_number(self) -> int:
        """The snapshot's."""
        return self.item.snapshot.number

    @property
    def verdict(self) -> str:
        """What the snapshot says the image is."""
        return "FAIL" if self.item.target else "PASS"

    @property
    def split_text(self) -> str:
        """What its split is for."""
        return split_text(self.item.split)

    def change_since(self, standing: Label | None) -> str:
        """What is said of the image today, held against what was frozen: ``same`` (that label stands), ``confirmed``
        (another one that says the same), ``type`` (another defect type), ``corrected`` (another verdict), or
        ``withdrawn`` (no label stands)."""
        if standing is None:
            return "withdrawn"
        if standing.target != self.item.target:
            return "corrected"
        if standing == self.label:
            return "same"
        # A type that was merged or renamed since is no other word: the frozen label's own type says so.
        then = {
            self.item.defect_type,
            current_type_name(self.label.defect_type) if self.label else self.item.defect_type,
        }
        return "confirmed" if current_type_name(standing.defect_type) in then else "type"


def labels_of_image(part: Inspection) -> list[Label]:
    """All labels of the part's image in its product, the oldest first: one image may have come as several parts."""
    same = Label.objects.filter(inspection__product=part.product_id, inspection__image_sha256=part.image_sha256)
    related = same.select_related("reviewer", "defect_type__merged_into", "undo__by")
    return list(related.order_by("created_at", "pk"))


def standing_among(labels: Sequence[Label], at: datetime | None = None) -> Label | None:
    """The label of an image that counts now, or counted ``at`` a moment: of those that nobody had taken back the one of
    the highest rank."""
    return next(iter(_standing_labels(labels, at)), None)


def load_frozen_labels(part: Inspection, labels: Sequence[Label]) -> list[FrozenLabel]:
    """The snapshots that hold the part's image, the first one first, each with the label that it copied."""
    model = part.product.registered_model_id
    items = SnapshotItem.objects.filter(snapshot__model=model, image_sha256=part.image_sha256)
    found = list(items.select_related("snapshot").order_by("snapshot__number"))
    taught = _trained_versions(item.snapshot_id for item in found)
    return [
        FrozenLabel(item, [] if item.split == HOLDOUT else taught[item.snapshot_id], _copied_label(item, labels))
        for item in found
    ]


def is_disputed(label: Label) -> bool:
    """Whether two people differ on the label's part, so that it teaches nothing now."""
    return Recheck.objects.disputed().filter(inspection=label.inspection_id).exists()


def _trained_versions(snapshots: Iterable[int]) -> defaultdict[int, list[TrainedVersion]]:
    """By snapshot."""
    versions = ModelVersion.objects.filter(run__snapshot__in=list(snapshots)).order_by("number")
    found = defaultdict[int, list[TrainedVersion]](list)
    for snapshot, number, state in versions.values_list("run__snapshot", "number", "state"):
        found[snapshot].append(TrainedVersion(number, state))
    return found


def _copied_label(item: SnapshotItem, labels: Sequence[Label]) -> Label | None:
    """The newest label that counted then and says what was frozen. A snapshot reads labels a while before its own time:
    what was said in between is passed over."""
    counted = [label for label in _standing_labels(labels, item.snapshot.created_at) if label.target == item.target]
    named = [label for label in counted if current_type_name(label.defect_type) == item.defect_type]
    return next(iter([*named, *counted]), None)


def _standing_labels(labels: Sequence[Label], at: datetime | None) -> list[Label]:
    """Return the labels that nobody had taken back at that time, the highest rank first."""
    given = [label for label in labels if at is None or label.created_at <= at]
    counting = [label for label in given if not _was_undone(label, at)]
    return sorted(counting, key=lambda label: label.precedence, reverse=True)


def _was_undone(label: Label, at: datetime | None) -> bool:
    undo = getattr(label, "undo", None)
    return undo is not None and (at is None or undo.created_at <= at)
