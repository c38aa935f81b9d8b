"""What a snapshot holds: how much of what, and its items a page at a time, in the order of its manifest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from mltasks.models import DatasetSnapshot, SnapshotItem
from mltasks.snapshots.split_names import split_words
from mltasks.vision.types import DEFECT, GOOD

PAGE = 48
LABELS = {"PASS": GOOD, "FAIL": DEFECT}
UNNAMED = "-"  # a defect type that nobody named, as a filter; no type's own name can be this
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Share:
    """Images of one split: its name, what it is for, and how many."""

    name: str
    words: str
    good: int
    defective: int

    @property
    def images(self) -> int:
        """Both together."""
        return self.good + self.defective


@dataclass(frozen=True, slots=True)
class Contents:
    """A snapshot counted: by split, defective images by type (``""`` where none was named), images by region (``""``
    for the whole image), and different parts."""

    splits: list[Share]
    defect_types: dict[str, int]
    regions: dict[str, int]
    parts: int


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some items that fit, the number of those before and of all, and where the next page begins; empty at the end."""

    items: list[SnapshotItem]
    before: int
    fits: int
    after: str

    @property
    def first(self) -> int:
        """The place of the first item, counted from 1."""
        return self.before + 1

    @property
    def last(self) -> int:
        """The place of the last item."""
        return self.before + len(self.items)


def contents(snapshot: DatasetSnapshot) -> Contents:
    """Count it, in two queries."""
    rows = list(snapshot.items.values("split", "target", "defect_type", "roi").annotate(images=Count("id")).order_by())
    splits, types, regions = Counter[tuple[str, int]](), Counter[str](), Counter[str]()
    for row in rows:
        splits[row["split"], row["target"]] += row["images"]
        regions[row["roi"]] += row["images"]
        if row["target"] == DEFECT:
            types[row["defect_type"]] += row["images"]
    names = sorted({name for name, _ in splits})
    return Contents(
        splits=[Share(name, split_words(name), splits[name, GOOD], splits[name, DEFECT]) for name in names],
        defect_types=dict(sorted(types.items())),
        regions=dict(sorted(regions.items())),
        parts=snapshot.items.aggregate(parts=Count("group", distinct=True))["parts"],
    )


def page(
    snapshot: DatasetSnapshot, wanted: Mapping[str, str], after: str = "", *, without: Collection[str] = ()
) -> ItemPage:
    """The items that fit, from behind the image ``after`` on, which an earlier page named; anything else is the start.

    ``wanted`` may have ``split``, ``label`` (PASS or FAIL), ``defect_type`` and ``q``: what a title or a sha256 begins
    with. Images in ``without`` are left out.
    """
    fits = _fitting(snapshot, wanted)
    if without:
        fits = fits.exclude(image_sha256__in=without)
    position = after if _SHA256.fullmatch(after) else ""
    found = list(fits.filter(image_sha256__gt=position).order_by("image_sha256")[: PAGE + 1])
    return ItemPage(
        items=found[:PAGE],
        before=fits.filter(image_sha256__lte=position).count() if position else 0,
        fits=fits.count(),
        after=found[PAGE - 1].image_sha256 if len(found) > PAGE else "",
    )


def _fitting(snapshot: DatasetSnapshot, wanted: Mapping[str, str]) -> QuerySet[SnapshotItem]:
    fits = snapshot.items.all()
    if split := wanted.get("split"):
        fits = fits.filter(split=split)
    if label := wanted.get("label"):
        fits = fits.filter(target=LABELS[label])
    if kind := wanted.get("defect_type"):
        fits = fits.filter(defect_type="" if kind == UNNAMED else kind, target=DEFECT)
    if text := wanted.get("q"):
        fits = fits.filter(Q(title__istartswith=text) | Q(image_sha256__startswith=text.lower()))
    return fits
