"""Celery's doors to inspection."""

from __future__ import annotations

from celery import shared_task

from inspection import sweeping


@shared_task
def sweep() -> None:
    """Score what a crash left."""
    sweeping.sweep()


@shared_task
def order_queue() -> None:
    """Bring waiting parts to their places."""
    sweeping.order_queues()
