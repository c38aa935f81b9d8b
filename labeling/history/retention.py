"""Retention: parts that passed, that no person ever touched and that nothing refers to go when they are old enough.

What stays for ever: parts that the model failed or sent to a person, imported ones, and of those that passed all that
were labeled (also where the label was taken back), reviewed, skipped, judged again, chosen as an example, claimed just
now, repeated by others, or are in a snapshot. Foreign keys stand behind that: PostgreSQL refuses to remove a part that
anything refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from inspection.images import image_removal
from inspection.images.image_removal import FreedSpace
from inspection.models import (
    Embedding,
    Fingerprint,
    Inspection,
    InspectionQuerySet,
    Product,
    Reason,
    ScoreMaps,
    Verdict,
)
from inspection.models.removed_parts import record_removed_parts
from labeling.models import Claim, DefectExample, Label, Recheck, Review, Skip
from mltasks.models import BackboneRun, SnapshotItem

BATCH_SIZE = 1000
# One row for one part, and nothing but about it.
DEPENDENT_MODELS: tuple[type[Model], ...] = (ScoreMaps, Embedding, Fingerprint)
# Any row of these keeps its part.
RETAINING_MODELS: tuple[type[Model], ...] = (Label, Review, Skip, Recheck, DefectExample)


class ScanPosition(NamedTuple):
    """A part's place in the order of arrival."""

    received_at: datetime
    key: UUID


@dataclass(frozen=True, slots=True)
class RetentionScope:
    """What is removed: the product's parts that came before this moment, so many a transaction."""

    product: Product
    received_before: datetime
    batch_size: int = BATCH_SIZE
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RetentionBatch:
    """What became of some parts: ``parts_examined`` at, ``parts_removed`` (or to be removed, by a dry run) with their
    images, and
    where the next begins."""

    parts_examined: int
    parts_removed: int
    freed: FreedSpace
    end_position: ScanPosition


class _OldPart(NamedTuple):
    inspection_id: UUID
    received_at: datetime
    image_name: str
    sha256: str
    size: int


def prune(scope: RetentionScope, after: ScanPosition | None = None) -> Iterator[RetentionBatch]:
    """Remove what is old enough, oldest first, a batch at each step; whoever stops early goes on another time, from the
    beginning or ``after`` a batch's end. Any number may run at once, beside stations and reviewers.

    Each batch is one transaction and then its files; a crash between them leaves files that nothing names, which
    ``removing_images.sweep_folder`` finds. Raises OSError for a file that can't be removed,
    and StoreAway.
    """
    keep = _newest_part_of_each_station(scope.product)
    taught = _images_of_pretraining_runs(scope.product)
    while places := list(parts_passed_before(scope.product, scope.received_before, after)[: scope.batch_size]):
        after = ScanPosition(*places[-1])
        keys = [key for _, key in places if key not in keep]
        found = _removable_rows(keys, taught) if scope.dry_run else _remove_rows(scope.product, keys, taught)
        freed = (
            _sum_freed(found)
            if scope.dry_run
            else image_removal.remove_unreferenced({it.sha256: it.image_name for it in found})
        )
        yield RetentionBatch(len(places), len(found), freed, after)


def parts_passed_before(
    product: Product, before: datetime, after: ScanPosition | None = None
) -> QuerySet[Inspection, tuple[datetime, UUID]]:
    """The parts that passed before that moment, oldest first, as the index `inspection_by_verdict` has them: it is read
    backwards, and nothing but the index."""
    old = Inspection.objects.filter(product=product, verdict=Verdict.PASS, received_at__lt=before)
    if after is not None:
        # The first condition says nothing new; it is the one by which the index begins at the position.
        old = old.filter(received_at__gte=after.received_at)
        old = old.filter(Q(received_at__gt=after.received_at) | Q(pk__gt=after.key))
    return old.order_by("received_at", "pk").values_list("received_at", "pk")


def removable_parts(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Those of the parts that nothing keeps."""
    untouched = Q(verdict=Verdict.PASS, state=Inspection.State.DECIDED, person_says=None)
    found = parts.filter(untouched).exclude(source=Inspection.Source.IMPORT)
    found = found.exclude(reasons__contains=[Reason.AUDIT_SAMPLE])
    for witness in RETAINING_MODELS:
        found = found.filter(~Exists(witness._default_manager.filter(inspection=OuterRef("pk"))))
    return found.filter(
        ~Exists(Claim.objects.open().filter(inspection=OuterRef("pk"))),
        ~Exists(Inspection.objects.filter(repeat_of=OuterRef("pk"))),
        ~Exists(SnapshotItem.objects.filter(image_sha256=OuterRef("image_sha256"))),
    )


def _removable_rows(keys: Sequence[UUID], pretraining_images: set[str]) -> list[_OldPart]:
    parts = removable_parts(Inspection.objects.filter(pk__in=keys)).order_by()
    rows = parts.values_list("pk", "received_at", "image_name", "image_sha256", "image_bytes")
    return [old for old in map(_OldPart._make, rows) if old.sha256 not in pretraining_images]


@transaction.atomic(durable=True)
def _remove_rows(product: Product, keys: Sequence[UUID], pretraining_images: set[str]) -> list[_OldPart]:
    """Remove the rows of those that nothing keeps. A part that somebody is at just now is left for another time."""
    parts = Inspection.objects.filter(pk__in=keys).order_by()
    locked = list(parts.select_for_update(skip_locked=True).values_list("pk", flat=True))
    # Asked after the lock, in a statement of its own: it sees what was committed until then, and from then on nobody
    # can refer to these parts.
    found = _removable_rows(locked, pretraining_images)
    gone = [old.inspection_id for old in found]
    for satellite in DEPENDENT_MODELS:
        satellite._default_manager.filter(inspection__in=gone).delete()
    # Not by `delete()`, which would first read all that might refer to them: PostgreSQL looks, at the commit.
    for rows in (Claim.objects.filter(inspection__in=gone), Inspection.objects.filter(pk__in=gone)):
        rows.order_by()._raw_delete(rows.db)
    record_removed_parts(product.pk, Verdict.PASS, (old.received_at for old in found))
    return found


def _newest_part_of_each_station(product: Product) -> set[UUID]:
    """The last part of each station, which the dashboard shows."""
    parts = (
        Inspection.objects.filter(product=product, station=station).order_by("-received_at", "-pk").values_list("pk")
        for station in product.stations.all()
    )
    return {key for found in parts for (key,) in found[:1]}


def _images_of_pretraining_runs(product: Product) -> set[str]:
    """The images of lessons that are not over: each attempt reads them anew."""
    lessons = BackboneRun.objects.unfinished().filter(model=product.registered_model_id).values_list("pictures")
    return {sha256 for (pictures,) in lessons for _, sha256, *_ in pictures}


def _sum_freed(rows: Sequence[_OldPart]) -> FreedSpace:
    """What their images take. Thumbnails aside, and as if no other row named them."""
    sizes = {old.sha256: old.size for old in rows}
    return FreedSpace(len(sizes), sum(sizes.values()))
