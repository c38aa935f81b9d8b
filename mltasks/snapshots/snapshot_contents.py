"""Contents of a snapshot: its counts, and its items by page in the order of the manifest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from mltasks.models import DatasetSnapshot, SnapshotItem
from mltasks.snapshots.split_names import split_text
from mltasks.vision.types import DEFECT, GOOD

PAGE_SIZE = 48
TARGET_BY_VERDICT = {"PASS": GOOD, "FAIL": DEFECT}
UNNAMED_TYPE = "-"  # filter value for defects without a type; no type can have this name
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Images of one split: its name, its purpose and its numbers of images."""

    name: str
    purpose: str
    good: int
    defective: int

    @property
    def images(self) -> int:
        """Return the number of good and defective images."""
        return self.good + self.defective


@dataclass(frozen=True, slots=True)
class SnapshotContents:
    """Counts of a snapshot.

    Images by split, defective images by type (``""`` for no type), images by region (``""`` for the whole image),
    defective images with marks or a mask, and the number of parts.
    """

    splits: list[SplitCounts]
    defect_types: dict[str, int]
    regions: dict[str, int]
    with_place: int
    parts: int


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Page of matching items, with its offset, the total and the next page's cursor.

    The cursor is empty on the last page.
    """

    items: list[SnapshotItem]
    offset: int
    total: int
    next_cursor: str

    @property
    def first(self) -> int:
        """Return the position of the first item, counted from 1."""
        return self.offset + 1

    @property
    def last(self) -> int:
        """Return the position of the last item, counted from 1."""
        return self.offset + len(self.items)


def count_contents(snapshot: DatasetSnapshot) -> SnapshotContents:
    """Count the snapshot's contents in two queries."""
    rows = list(snapshot.items.values("split", "target", "defect_type", "roi").annotate(images=Count("id")).order_by())
    splits, types, regions = Counter[tuple[str, int]](), Counter[str](), Counter[str]()
    for row in rows:
        splits[row["split"], row["target"]] += row["images"]
        regions[row["roi"]] += row["images"]
        if row["target"] == DEFECT:
            types[row["defect_type"]] += row["images"]
    names = sorted({name for name, _ in splits})
    return SnapshotContents(
        splits=[SplitCounts(name, split_text(name), splits[name, GOOD], splits[name, DEFECT]) for name in names],
        defect_types=dict(sorted(types.items())),
        regions=dict(sorted(regions.items())),
        **snapshot.items.aggregate(
            parts=Count("group", distinct=True),
            with_place=Count("id", filter=Q(marks__isnull=False) | ~Q(mask_sha256="")),
        ),
    )


def list_items(
    snapshot: DatasetSnapshot, filters: Mapping[str, str], cursor: str = "", *, excluding: Collection[str] = ()
) -> ItemPage:
    """Return the page of matching items that follows the cursor.

    ``cursor`` is the ``next_cursor`` of an earlier page; any other value starts at the beginning. ``filters`` may have
    ``split``, ``label`` (PASS or FAIL), ``defect_type`` and ``q``, a prefix of the title or the sha256. Images in
    ``excluding`` are left out.
    """
    matches = _filter_items(snapshot, filters)
    if excluding:
        matches = matches.exclude(image_sha256__in=excluding)
    position = cursor if _SHA256.fullmatch(cursor) else ""
    items = list(matches.filter(image_sha256__gt=position).order_by("image_sha256")[: PAGE_SIZE + 1])
    return ItemPage(
        items=items[:PAGE_SIZE],
        offset=matches.filter(image_sha256__lte=position).count() if position else 0,
        total=matches.count(),
        next_cursor=items[PAGE_SIZE - 1].image_sha256 if len(items) > PAGE_SIZE else "",
    )


def _filter_items(snapshot: DatasetSnapshot, filters: Mapping[str, str]) -> QuerySet[SnapshotItem]:
    items = snapshot.items.all()
    if split := filters.get("split"):
        items = items.filter(split=split)
    if label := filters.get("label"):
        items = items.filter(target=TARGET_BY_VERDICT[label])
    if defect_type := filters.get("defect_type"):
        items = items.filter(defect_type="" if defect_type == UNNAMED_TYPE else defect_type, target=DEFECT)
    if prefix := filters.get("q"):
        items = items.filter(Q(title__istartswith=prefix) | Q(image_sha256__startswith=prefix.lower()))
    return items
