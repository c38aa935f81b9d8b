"""Celery tasks of inspection."""

from __future__ import annotations

import logging
import subprocess
import sys

from celery import shared_task
from django.conf import settings

from inspection.fast_path import evidence
from inspection.models import Product, Replay
from inspection.products import part_identity
from inspection.promotion import auto_promotion, shadow_scoring
from inspection.scoring import deferred_scoring, score_recovery
from mltasks.runs import supervision

logger = logging.getLogger(__name__)


@shared_task(name="inspection.tasks.sweep")
def recover_scoring() -> None:
    """Score the parts that a crash left without a verdict."""
    score_recovery.recover_scoring()


@shared_task(name="inspection.tasks.score_deferred")
def score_deferred_parts() -> None:
    """Compute the scores of parts that were answered before them."""
    deferred_scoring.score_deferred_parts()


@shared_task(name="inspection.tasks.check_fast_paths")
def check_fast_paths() -> None:
    """Switch off fast paths whose certificate the full graph's later answers refute."""
    evidence.switch_off_refuted()


@shared_task(name="inspection.tasks.learn_fast_paths")
def learn_fast_paths() -> None:
    """Learn the fast path of each product that has none for its champion, in a process of its own: torch."""
    for product in evidence.products_to_learn():
        command = [sys.executable, "manage.py", "fast_path", product.slug, "learn"]
        done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            logger.warning("%s has no fast path: %s", product, done.stderr.strip().rpartition("\n")[2])


@shared_task(name="inspection.tasks.count_part_ids")
def count_part_ids() -> None:
    """Update each product's part ids that too many images share to identify a part."""
    for product in Product.objects.all():
        part_identity.save_shared_part_ids(product)


@shared_task(name="inspection.tasks.order_queue")
def order_queue() -> None:
    """Check waiting parts for near-duplicates and rank them."""
    score_recovery.order_queues()


@shared_task(name="inspection.tasks.look_at_candidates")
def run_auto_promotion() -> None:
    """Start missing replays of new versions and promote a night's version through the gate."""
    auto_promotion.run()


@shared_task(name="inspection.tasks.execute_replay")
def execute_replay(replay_id: int) -> None:
    """Execute a queued replay in a new process and wait for it."""
    supervision.supervise(replay_id, Replay)


@shared_task(name="inspection.tasks.shadow")
def score_pending_challenges() -> None:
    """Score new live parts with the challengers."""
    shadow_scoring.score_pending_challenges()
