"""Training exposure: which images (sha256) and groups versions were trained on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from mltasks.models import ImportedVersion, ModelVersion, SnapshotItem
from mltasks.vision.types import HOLDOUT


@dataclass(frozen=True, slots=True)
class TrainingExposure:
    """Images (sha256) and groups that versions were trained on, and those locked in a holdout."""

    trained_on: frozenset[str]
    locked: frozenset[str]


def exposure_of(versions: Sequence[ModelVersion], names: Collection[str]) -> TrainingExposure:
    """Return which of these names any of the versions was trained on or had locked.

    For an imported version the snapshot in its signed document is used.
    """
    trained_on, locked = set[str](), set[str]()
    for sha256, group, split in _items(versions, names):
        (locked if split == HOLDOUT else trained_on).update((sha256, group))
    return TrainingExposure(frozenset(trained_on), frozenset(locked))


def _items(versions: Sequence[ModelVersion], names: Collection[str]) -> Iterator[tuple[str, str, str]]:
    matching = Q(image_sha256__in=names) | Q(group__in=names)
    own = SnapshotItem.objects.filter(matching, snapshot__runs__version__in=versions)
    yield from own.values_list("image_sha256", "group", "split").distinct()
    for (document,) in ImportedVersion.objects.filter(version__in=versions).values_list("document"):
        snapshot = json.loads(document)["snapshot"]
        yield from ((item["image_sha256"], item["group"], item["split"]) for item in (snapshot or {}).get("items", []))
