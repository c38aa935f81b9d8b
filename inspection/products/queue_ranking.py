"""Ranking of waiting parts in the review queue by stored sort keys.

A part gets its sort key with its verdict. If the product's strategy, costs or stations change later, ``rerank`` detects
the change from the rows, without messages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from datetime import UTC, datetime
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from inspection.models import Inspection, Product, Reason, Station, Verdict
from inspection.products.bands import product_bands
from inspection.products.hash_sampling import hash_uniform
from mltasks.models import ModelVersion
from mltasks.vision.serving.queue_priority import REVISION, PartSignals, priority, queue_sort_key
from mltasks.vision.types import Scores

logger = logging.getLogger(__name__)

ORDER_QUEUE_TASK = "inspection.tasks.order_queue"
# Rows locked together for some milliseconds; claims skip them meanwhile.
BATCH_SIZE = 50
# Number of parts before an audited part that are searched for an ordinary part.
AUDIT_LOOKBACK = 50


class QueuePriority:
    """Sort keys of a product's waiting parts, by the product's current settings."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._thresholds: dict[int | None, float] = {}

    def sort_key(self, part: Inspection) -> datetime:
        """Return the sort key of a part in review; reads its station and version."""
        return self.initial_sort_key(part, part.model_version, part, audit=Reason.AUDIT_SAMPLE in part.reasons)

    def initial_sort_key(
        self, part: Inspection, version: ModelVersion | None, scores: Scores | Inspection | None, *, audit: bool = False
    ) -> datetime:
        """Return the sort key of a part whose verdict may not be written yet.

        An audited part gets the sort key of the last ordinary part before it. By its own sure scores it would stand
        behind all parts of its day, which would show reviewers that it is an audit.
        """
        if audit:
            scores = _ordinary_part_before(part)
            if scores is None:
                return self._sort_key(part, version, self._threshold(version), None)
            version = scores.model_version
        if scores is None:
            return self._sort_key(part, version, None, None)
        return self._sort_key(part, version, scores.defect_probability, scores.novelty)

    def _sort_key(
        self, part: Inspection, version: ModelVersion | None, probability: float | None, novelty: float | None
    ) -> datetime:
        signals = PartSignals(
            probability,
            None if probability is None else _finite_novelty(novelty),
            threshold=self._threshold(version),
            similarity=part.similarity or 0.0,
            hash_uniform=hash_uniform(b"queue:" + part.pk.bytes),
        )
        part_priority = priority(self._product.pick_strategy, signals)
        urgent = part.station is not None and part.station.urgent
        return datetime.fromtimestamp(queue_sort_key(part.received_at.timestamp(), part_priority, urgent=urgent), UTC)

    def _threshold(self, version: ModelVersion | None) -> float:
        key = version.pk if version else None
        if key not in self._thresholds:
            self._thresholds[key] = product_bands(self._product, version).fail_threshold
        return self._thresholds[key]


def rerank(product: Product) -> int:
    """Rank the product's waiting parts again if their ranking changed; return how many.

    Safe to run concurrently with itself, scoring and claims: each batch uses the product's current settings.
    """
    with transaction.atomic():
        locked = lock_product(product)
        fingerprint = ranking_fingerprint(locked)
        if locked.ranking_fingerprint == fingerprint:
            return 0
        waiting = Inspection.objects.awaiting_review().filter(product=product)
        keys = list(waiting.order_by().values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH_SIZE):
        with transaction.atomic():
            locked = lock_product(product)
            save_sort_keys(locked, load_waiting_parts(keys[start : start + BATCH_SIZE]), ["queue_sort_key"])
    with transaction.atomic():
        # If the settings changed meanwhile, the next run ranks the parts again.
        if ranking_fingerprint(lock_product(product)) == fingerprint:
            Product.objects.filter(pk=product.pk).update(ranking_fingerprint=fingerprint)
    return len(keys)


def load_waiting_parts(keys: list[UUID]) -> list[Inspection]:
    """Load those of the parts that still wait, with all inputs of their sort keys."""
    parts = Inspection.objects.awaiting_review().filter(pk__in=keys)
    # ``QueuePriority`` reads a version's report once.
    return list(parts.with_version().select_related("station").order_by("pk"))


def save_sort_keys(product: Product, parts: list[Inspection], columns: list[str]) -> None:
    """Write sort keys and other ``columns`` of waiting parts. Hold the product's lock."""
    order = QueuePriority(product)
    for part in parts:
        part.queue_sort_key = order.sort_key(part)
    Inspection.objects.awaiting_review().bulk_update(parts, columns)


def lock_product(product: Product) -> Product:
    """Lock and reload the product row. This serializes re-ranking per product."""
    return Product.objects.select_for_update(no_key=True).get(pk=product.pk)


def ranking_fingerprint(product: Product) -> str:
    """Return one hash of the product settings and the ranking revision that sort keys depend on."""
    urgent = Station.objects.filter(product=product, urgent=True).order_by("pk")
    stations = list(urgent.values_list("pk", flat=True))
    inputs = [REVISION, product.pick_strategy, product.fn_cost, product.fp_cost, product.defect_rate, stations]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def enqueue_reranking() -> None:
    """Send the queue-ordering task to a worker after the commit.

    If the message is lost, beat's next one follows seconds later.
    """
    transaction.on_commit(_send_task)


def _send_task() -> None:
    try:
        # Sent by name, because the task's module imports this module.
        current_app.send_task(ORDER_QUEUE_TASK, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The message broker cannot be reached. The next scheduled task ranks the queue: %s", error)


def _ordinary_part_before(audit: Inspection) -> Inspection | None:
    """Return the last part before the audit that was routed to people by its scores; None without a recent one."""
    routed = Inspection.objects.filter(product=audit.product_id, verdict=Verdict.REVIEW)
    before = routed.filter(received_at__lt=audit.received_at).order_by("-received_at", "-pk")
    recent = before.with_version()[:AUDIT_LOOKBACK]
    return next((part for part in recent if part.model_verdict and Reason.AUDIT_SAMPLE not in part.reasons), None)


def _finite_novelty(novelty: float | None) -> float | None:
    """Return the novelty, None if it is not finite, and 0 for old rows without novelty."""
    return max(novelty, 0.0) if math.isfinite(novelty := novelty or 0.0) else None
