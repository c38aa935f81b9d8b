"""Retention: remove old parts that passed, that no person handled and nothing refers to.

Kept until a worker has computed their scores: parts that were answered before them.
Kept for ever: parts that the model failed or sent to a person, and imported parts. Of passed parts those that were
labeled (also if the label was undone), reviewed, skipped, rechecked, audited, or chosen as an example. Also those
with an open claim, with near-duplicates, or in a snapshot. Foreign keys back this up: PostgreSQL refuses to remove a
part that any row refers to.
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
# One row a part, removed with it.
DEPENDENT_MODELS: tuple[type[Model], ...] = (ScoreMaps, Embedding, Fingerprint)
# A row of these keeps its part.
RETAINING_MODELS: tuple[type[Model], ...] = (Label, Review, Skip, Recheck, DefectExample)


class ScanPosition(NamedTuple):
    """Position of a part in the order of arrival."""

    received_at: datetime
    key: UUID


@dataclass(frozen=True, slots=True)
class RetentionScope:
    """Parts to remove: the product's, received before a time, ``batch_size`` a transaction."""

    product: Product
    received_before: datetime
    batch_size: int = BATCH_SIZE
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RetentionBatch:
    """Result of one batch, or its prediction in a dry run, and where the next begins."""

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
    """Remove old parts, oldest first, a batch a step; continue ``after`` a batch's end.

    Any number of processes may run at once, beside stations and reviewers. Each batch is one transaction, then its
    files are removed. A crash in between leaves unreferenced files for ``image_removal.clean_folder``. Raises OSError
    for a file that can't be removed, and StoreUnreachable.
    """
    keep = _newest_part_of_each_station(scope.product)
    in_use = _images_of_pretraining_runs(scope.product)
    while rows := list(parts_passed_before(scope.product, scope.received_before, after)[: scope.batch_size]):
        after = ScanPosition(*rows[-1])
        keys = [key for _, key in rows if key not in keep]
        if scope.dry_run:
            old = _removable_rows(keys, in_use)
            freed = _sum_freed(old)
        else:
            old = _remove_rows(scope.product, keys, in_use)
            freed = image_removal.remove_unreferenced({part.sha256: part.image_name for part in old})
        yield RetentionBatch(len(rows), len(old), freed, after)


def parts_passed_before(
    product: Product, before: datetime, after: ScanPosition | None = None
) -> QuerySet[Inspection, tuple[datetime, UUID]]:
    """Return parts that passed before a time, oldest first, from an index scan alone."""
    old = Inspection.objects.filter(product=product, verdict=Verdict.PASS, received_at__lt=before)
    if after is not None:
        # The first condition is redundant; with it the index scan starts at the position.
        old = old.filter(received_at__gte=after.received_at)
        old = old.filter(Q(received_at__gt=after.received_at) | Q(pk__gt=after.key))
    return old.order_by("received_at", "pk").values_list("received_at", "pk")


def removable_parts(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Return the parts that nothing keeps."""
    untouched = Q(verdict=Verdict.PASS, state=Inspection.State.DECIDED, human_verdict=None, scoring_deferred=False)
    parts = parts.filter(untouched).exclude(source=Inspection.Source.IMPORT)
    parts = parts.exclude(reasons__contains=[Reason.AUDIT_SAMPLE])
    for model in RETAINING_MODELS:
        parts = parts.filter(~Exists(model._default_manager.filter(inspection=OuterRef("pk"))))
    return parts.filter(
        ~Exists(Claim.objects.open().filter(inspection=OuterRef("pk"))),
        ~Exists(Inspection.objects.filter(duplicate_of=OuterRef("pk"))),
        ~Exists(SnapshotItem.objects.filter(image_sha256=OuterRef("image_sha256"))),
    )


def _removable_rows(keys: Sequence[UUID], pretraining_images: set[str]) -> list[_OldPart]:
    parts = removable_parts(Inspection.objects.filter(pk__in=keys)).order_by()
    rows = parts.values_list("pk", "received_at", "image_name", "image_sha256", "image_bytes")
    return [part for part in map(_OldPart._make, rows) if part.sha256 not in pretraining_images]


@transaction.atomic(durable=True)
def _remove_rows(product: Product, keys: Sequence[UUID], pretraining_images: set[str]) -> list[_OldPart]:
    """Remove the rows of removable parts. Locked parts are left for another run."""
    parts = Inspection.objects.filter(pk__in=keys).order_by()
    locked = list(parts.select_for_update(skip_locked=True).values_list("pk", flat=True))
    # A separate statement after the lock sees all earlier commits; no new row can refer to the locked parts.
    old = _removable_rows(locked, pretraining_images)
    removed = [part.inspection_id for part in old]
    for model in DEPENDENT_MODELS:
        model._default_manager.filter(inspection__in=removed).delete()
    # Not by `delete()`, which first reads all rows that might refer to them: PostgreSQL checks at commit.
    for rows in (Claim.objects.filter(inspection__in=removed), Inspection.objects.filter(pk__in=removed)):
        rows.order_by()._raw_delete(rows.db)
    record_removed_parts(product.pk, Verdict.PASS, (part.received_at for part in old))
    return old


def _newest_part_of_each_station(product: Product) -> set[UUID]:
    """Return the last part of each station, which the dashboard shows."""
    parts = (
        Inspection.objects.filter(product=product, station=station).order_by("-received_at", "-pk").values_list("pk")
        for station in product.stations.all()
    )
    return {key for newest in parts for (key,) in newest[:1]}


def _images_of_pretraining_runs(product: Product) -> set[str]:
    """Return the images of unfinished pretraining runs: each attempt reads them again."""
    runs = BackboneRun.objects.unfinished().filter(model=product.registered_model_id).values_list("pictures")
    return {sha256 for (pictures,) in runs for _, sha256, *_ in pictures}


def _sum_freed(rows: Sequence[_OldPart]) -> FreedSpace:
    """Return the size of their images, without thumbnails, as if no other row named them."""
    sizes = {part.sha256: part.size for part in rows}
    return FreedSpace(len(sizes), sum(sizes.values()))
