"""Where waiting parts stand in the review queue: a place follows from the product's strategy, and is stored.

A part gets its place with its verdict. What a place depends on may change later: ``rerank`` follows, by looking at
the rows and not at messages.
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
# Rows that are locked together, for milliseconds: claims pass over them meanwhile.
BATCH_SIZE = 50
# Parts before an audit among which an ordinary one is looked for.
AUDIT_LOOKBACK = 50


class QueuePriority:
    """How a product's parts stand to each other, by what the product says now."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._thresholds: dict[int | None, float] = {}

    def sort_key(self, part: Inspection) -> datetime:
        """The place of a part that was routed to a person. Its station and its version are looked at."""
        if Reason.AUDIT_SAMPLE in part.reasons:
            return self._audit_sort_key(part, part.model_version)
        return self._sort_key(part, part.model_version, part.defect_probability, part.novelty)

    def initial_sort_key(
        self, part: Inspection, version: ModelVersion | None, scores: Scores | None, *, audit: bool = False
    ) -> datetime:
        """The place of a part whose verdict is not written yet."""
        if audit:
            return self._audit_sort_key(part, version)
        if scores is None:
            return self._sort_key(part, version, None, None)
        return self._sort_key(part, version, scores.defect_probability, scores.novelty)

    def _audit_sort_key(self, part: Inspection, version: ModelVersion | None) -> datetime:
        """Place an audit among ordinary parts: by the scores of the last ordinary part before it. By its own scores,
        which were sure, it would stand behind all parts of its day, and its place would tell reviewers what it is."""
        ordinary = _ordinary_part_before(part)
        if ordinary is None:
            return self._sort_key(part, version, self._threshold(version), None)
        return self._sort_key(part, ordinary.model_version, ordinary.defect_probability, ordinary.novelty)

    def _sort_key(
        self, part: Inspection, version: ModelVersion | None, probability: float | None, novelty: float | None
    ) -> datetime:
        doubt = PartSignals(
            probability,
            None if probability is None else _finite_novelty(novelty),
            threshold=self._threshold(version),
            similarity=part.likeness or 0.0,
            hash_uniform=_queue_sample_value(part.pk),
        )
        worth = priority(self._product.pick_strategy, doubt)
        urgent = part.station is not None and part.station.urgent
        return datetime.fromtimestamp(queue_sort_key(part.received_at.timestamp(), worth, urgent=urgent), UTC)

    def _threshold(self, version: ModelVersion | None) -> float:
        key = version.pk if version else None
        if key not in self._thresholds:
            self._thresholds[key] = product_bands(self._product, version).fail_threshold
        return self._thresholds[key]


def rerank(product: Product) -> int:
    """Place the product's waiting parts anew if what their places depend on has changed; return how many.

    May run many times at once, and beside scoring and claims: every batch goes by what the product says at that moment.
    """
    with transaction.atomic():
        found = lock_product(product)
        wanted = ranking_fingerprint(found)
        if found.ranked_by == wanted:
            return 0
        waiting = Inspection.objects.awaiting_review().filter(product=product)
        keys = list(waiting.order_by().values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH_SIZE):
        with transaction.atomic():
            found = lock_product(product)
            save_sort_keys(found, load_waiting_parts(keys[start : start + BATCH_SIZE]), ["queue_time"])
    with transaction.atomic():
        # Changed meanwhile: the next sweep goes over them again.
        if ranking_fingerprint(lock_product(product)) == wanted:
            Product.objects.filter(pk=product.pk).update(ranked_by=wanted)
    return len(keys)


def load_waiting_parts(keys: list[UUID]) -> list[Inspection]:
    """The parts among these that still wait, with all that their places depend on."""
    parts = Inspection.objects.awaiting_review().filter(pk__in=keys)
    return list(parts.select_related("station", "model_version").order_by("pk"))


def save_sort_keys(product: Product, parts: list[Inspection], columns: list[str]) -> None:
    """Write the places of waiting parts, and what else ``columns`` names. Hold the product's lock."""
    order = QueuePriority(product)
    for part in parts:
        part.queue_time = order.sort_key(part)
    Inspection.objects.awaiting_review().bulk_update(parts, columns)


def lock_product(product: Product) -> Product:
    """The product as it is now. Whoever places its parts after the verdict takes turns by this."""
    return Product.objects.select_for_update(no_key=True).get(pk=product.pk)


def ranking_fingerprint(product: Product) -> str:
    """What the product's places depend on beside its parts, as one hash: what it says, and how that ranks parts."""
    urgent = Station.objects.filter(product=product, urgent=True).order_by("pk")
    stations = list(urgent.values_list("pk", flat=True))
    said = [REVISION, product.pick_strategy, product.fn_cost, product.fp_cost, product.defect_rate, stations]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def enqueue_reranking() -> None:
    """Have a worker order the queues once this transaction is committed. A lost hint costs seconds: beat sends more."""
    transaction.on_commit(_send_task)


def _send_task() -> None:
    try:
        # By name: the task's own module stands above this one.
        current_app.send_task(ORDER_QUEUE_TASK, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The broker is away, the queue is ordered by the next sweep: %s", error)


def _ordinary_part_before(audit: Inspection) -> Inspection | None:
    """Return the last part before the audit that was routed to people by its scores; None without a recent one."""
    routed = Inspection.objects.filter(product=audit.product_id, verdict=Verdict.REVIEW)
    before = routed.filter(received_at__lt=audit.received_at).order_by("-received_at", "-pk")
    recent = before.select_related("model_version")[:AUDIT_LOOKBACK]
    return next((part for part in recent if part.label and Reason.AUDIT_SAMPLE not in part.reasons), None)


def _finite_novelty(novelty: float | None) -> float | None:
    """None where it was measured and is no number; 0 where old rows have none."""
    return max(novelty, 0.0) if math.isfinite(novelty := novelty or 0.0) else None


def _queue_sample_value(key: UUID) -> float:
    """A number in [0, 1) that follows from the part's id alone: ranked again, it draws the same lot."""
    return hash_uniform(b"queue:" + key.bytes)
