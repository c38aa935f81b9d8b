"""Celery's doors to inspection."""

from __future__ import annotations

from celery import shared_task

from inspection.models import Product, Replay
from inspection.products import part_identity
from inspection.promotion import auto_promotion, shadow_scoring
from inspection.scoring import score_recovery
from mltasks.runs import supervision


@shared_task(name="inspection.tasks.sweep")
def recover_scoring() -> None:
    """Score what a crash left."""
    score_recovery.recover_scoring()


@shared_task(name="inspection.tasks.count_part_ids")
def count_part_ids() -> None:
    """Count which part ids too many images share to name a part."""
    for product in Product.objects.all():
        part_identity.save_shared_part_ids(product)


@shared_task(name="inspection.tasks.order_queue")
def order_queue() -> None:
    """Bring waiting parts to their places."""
    score_recovery.order_queues()


@shared_task(name="inspection.tasks.look_at_candidates")
def run_auto_promotion() -> None:
    """Replay new versions where that is asked, and let a night's version take over where it may."""
    auto_promotion.run()


@shared_task(name="inspection.tasks.execute_replay")
def execute_replay(replay_id: int) -> None:
    """Execute a waiting replay in a fresh process, and wait for it."""
    supervision.supervise(replay_id, Replay)


@shared_task(name="inspection.tasks.shadow")
def score_pending_challenges() -> None:
    """Let challengers score the parts that came."""
    shadow_scoring.score_pending_challenges()
