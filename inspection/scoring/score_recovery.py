"""Score what crashes left behind, and order the review queues. The rows are the truth: nothing here depends on a
message that arrived."""

from __future__ import annotations

import logging

from django.db import Error as DatabaseTrouble

from inspection.images import image_files
from inspection.models import Inspection, Product
from inspection.products import queue_ranking
from inspection.scoring import near_duplicates, scoring, scoring_lease

logger = logging.getLogger(__name__)

# One sweep ends some time, so that a broken model can't hold a worker for ever; the next goes on.
MAX_PARTS = 500
# Looks at a product's new parts in one sweep: a long queue is compared over several.
MAX_COMPARISONS = 2


def recover_scoring() -> int:
    """Score every abandoned part; return how many. Any number of sweeps may run at once.

    A part whose process was killed at each of MAX_ATTEMPTS is not loaded again: it goes to a person.
    """
    image_files.remove_old_drafts()
    swept = 0
    while swept < MAX_PARTS and (inspection := scoring_lease.take_abandoned(Inspection.objects.all())) is not None:
        scoring.score(inspection)
        swept += 1
    return swept


def order_queues() -> int:
    """Bring every waiting part to its place and return how many were placed. One product's trouble costs no other's.

    Raises ``django.db.Error`` when the database is away.
    """
    placed = 0
    for product in Product.objects.all():
        try:
            placed += _order_queue(product)
        except DatabaseTrouble:
            raise
        except Exception:
            logger.exception("The queue of %s could not be ordered", product)
    return placed


def _order_queue(product: Product) -> int:
    placed = queue_ranking.rerank(product)
    for _ in range(MAX_COMPARISONS):
        compared = near_duplicates.flag_duplicates(product)
        placed += compared
        if compared < near_duplicates.BATCH_SIZE:
            break
    return placed
