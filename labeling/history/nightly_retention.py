"""The night's pruning: while little is inspected, a worker removes what RETENTION_DAYS allows, some seconds a minute.

Nothing is remembered in the database of how far this is. Any number of beats and workers may do it at once: rows that
one has locked are passed over by the others. A night that was missed is made up for in the next.
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

# Of each minute: the worker scores what a crash left, too, and looks for near-duplicates.
TIME_BUDGET_SECONDS = 30.0
# From the first hour on, up to the last one's end, local time; beat goes by the same.
FIRST_HOUR, LAST_HOUR = 1, 5
# Minutes from one look into a folder of images for files that nothing names to the next: 20 folders a night.
FOLDER_INTERVAL_MINUTES = 15

# How far this process is with a product, by the day: what was passed over once is not looked at all night.
_positions: dict[tuple[int, str], ScanPosition] = {}


def prune_nightly(now: datetime, *, time_budget: float = TIME_BUDGET_SECONDS) -> tuple[int, FreedSpace]:
    """Remove for some seconds what is too old by now; return how many parts, and their images. Nothing where parts are
    kept for ever. Raises OSError for a file that can't be removed, and StoreAway: then it goes on in a minute."""
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
    """The folder whose turn it is in this minute, if any: each has one in a fortnight of nights."""
    local = timezone.localtime(now)
    turn, rest = divmod((local.hour - FIRST_HOUR) * 60 + local.minute, FOLDER_INTERVAL_MINUTES)
    turns = (LAST_HOUR + 1 - FIRST_HOUR) * 60 // FOLDER_INTERVAL_MINUTES
    return (local.date().toordinal() * turns + turn) % FOLDER_COUNT if not rest and 0 <= turn < turns else None


def _round_robin_batches(now: datetime) -> Iterator[RetentionBatch]:
    """A batch of each product, another of each, until all are done."""
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
