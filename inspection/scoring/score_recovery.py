"""Recovery of unscored parts after crashes, and ordering of the review queues.

The state is in the rows, so a lost message has no effect.
"""

from __future__ import annotations

import logging

from django.db import Error as DatabaseTrouble

from inspection.models import Inspection, Product
from inspection.products import queue_ranking
from inspection.scoring import near_duplicates, scoring, scoring_lease
from mltasks.storage import atomic_files, object_store
from mltasks.vision.data import incremental_duplicates

logger = logging.getLogger(__name__)

# Parts per run, so that a broken model can't block a worker forever; the next run continues.
MAX_PARTS = 500
# Near-duplicate checks per product and run; a long queue takes several runs.
MAX_COMPARISONS = 2


def recover_scoring() -> int:
    """Score every abandoned part and return the number. Safe to run concurrently.

    A part whose process was killed at each of MAX_ATTEMPTS is not scored again: it goes to review.
    """
    atomic_files.remove_old_drafts(object_store.draft_dir())
    scored = 0
    while scored < MAX_PARTS and (inspection := scoring_lease.take_lease(Inspection.objects.abandoned())) is not None:
        scoring.score(inspection)
        scored += 1
    return scored


def order_queues() -> int:
    """Rank the waiting parts of all products and return the number ranked.

    An error of one product is logged and does not affect the others. Raises ``django.db.Error`` if the database is
    unreachable.
    """
    ranked = 0
    for product in Product.objects.all():
        try:
            ranked += _order_queue(product)
        except DatabaseTrouble:
            raise
        except Exception:
            logger.exception("Could not rank the review queue of %s.", product)
    return ranked


def _order_queue(product: Product) -> int:
    ranked = queue_ranking.rerank(product)
    for _ in range(MAX_COMPARISONS):
        compared = near_duplicates.flag_duplicates(product)
        ranked += compared
        if compared < incremental_duplicates.BATCH_SIZE:
            break
    return ranked
