"""A snapshot's items beside the parts that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspection.models import Inspection
from mltasks.models import DatasetSnapshot, SnapshotItem


@dataclass(frozen=True, slots=True)
class Row:
    """One item, and the first part that came with its image; None where there is none any more."""

    item: SnapshotItem
    part: Inspection | None


def with_parts(snapshot: DatasetSnapshot, items: Sequence[SnapshotItem]) -> list[Row]:
    """The items, in their order, each with its part."""
    images = [item.image_sha256 for item in items]
    parts = Inspection.objects.filter(product__registered_model=snapshot.model_id, image_sha256__in=images)
    first = parts.order_by("image_sha256", "received_at", "id").distinct("image_sha256")
    part_of = {part.image_sha256: part for part in first.only("id", "image_sha256", "part_id", "title")}
    return [Row(item, part_of.get(item.image_sha256)) for item in items]
