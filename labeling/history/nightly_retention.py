"""Nightly retention: at night a worker removes parts older than RETENTION_DAYS.

It works some seconds a minute. Progress is kept per process, not in the database. Any number of workers may run at
once: locked rows are passed over. A missed night is made up for in the next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from inspection.images import image_removal
from inspection.images.image_removal import FOLDER_COUNT, FreedSpace
from inspection.models import Product
from labeling.history.retention import RetentionBatch, RetentionScope, ScanPosition, prune

# Per minute: the worker also recovers scoring after crashes and searches near-duplicates.
TIME_BUDGET_SECONDS = 30.0
# First and last hour (inclusive), local time; the beat schedule uses the same.
FIRST_HOUR, LAST_HOUR = 1, 5
# Minutes between cleanings of image folders from unreferenced files: 20 folders a night.
FOLDER_INTERVAL_MINUTES = 15

# Progress of this process by product and day: parts passed over once are not examined again that night.
_positions: dict[tuple[int, str], ScanPosition] = {}


def prune_nightly(now: datetime, *, time_budget: float = TIME_BUDGET_SECONDS) -> tuple[int, FreedSpace]:
    """Remove parts that are too old for some seconds; return how many, and the freed space.

    Does nothing if RETENTION_DAYS is not set. Raises OSError for a file that can't be removed, and StoreUnreachable.
    """
    if not settings.RETENTION_DAYS:
        return 0, FreedSpace()
    end = time.monotonic() + time_budget
    removed, freed = 0, FreedSpace()
    for batch in _round_robin_batches(now):
        removed, freed = removed + batch.parts_removed, freed + batch.freed
        if time.monotonic() > end:
            break
    folder = scheduled_folder(now)
    return removed, freed if folder is None else freed + image_removal.clean_folder(folder)


def scheduled_folder(now: datetime) -> int | None:
    """Return the folder to clean in this minute, or None; each is due once in a fortnight."""
    local = timezone.localtime(now)
    turn, rest = divmod((local.hour - FIRST_HOUR) * 60 + local.minute, FOLDER_INTERVAL_MINUTES)
    turns = (LAST_HOUR + 1 - FIRST_HOUR) * 60 // FOLDER_INTERVAL_MINUTES
    return (local.date().toordinal() * turns + turn) % FOLDER_COUNT if not rest and 0 <= turn < turns else None


def _round_robin_batches(now: datetime) -> Iterator[RetentionBatch]:
    """Yield one batch of each product in turn until all are done."""
    before, day = now - timedelta(days=settings.RETENTION_DAYS), timezone.localtime(now).date().isoformat()
    for stale in [key for key in _positions if key[1] != day]:
        del _positions[stale]
    keys = {(product.pk, day): product for product in Product.objects.all()}
    running = {key: prune(RetentionScope(product, before), _positions.get(key)) for key, product in keys.items()}
    while running:
        for key, batches in list(running.items()):
            batch = next(batches, None)
            if batch is None:
                del running[key]
            else:
                _positions[key] = batch.end_position
                yield batch
