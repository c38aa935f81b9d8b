"""Celery tasks of inspection."""

from __future__ import annotations

from celery import shared_task

from inspection.models import Product, Replay
from inspection.products import part_identity
from inspection.promotion import auto_promotion, shadow_scoring
from inspection.scoring import deferred_scoring, score_recovery
from mltasks.runs import supervision


@shared_task(name="inspection.tasks.sweep")
def recover_scoring() -> None:
    """Score the parts that a crash left without a verdict."""
    score_recovery.recover_scoring()


@shared_task(name="inspection.tasks.score_deferred")
def score_deferred_parts() -> None:
    """Compute the scores of parts that were answered before them."""
    deferred_scoring.score_deferred_parts()


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
