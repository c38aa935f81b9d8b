"""Backfill of embeddings that serving did not compute, in the champion's embedding space.

It covers all labeled parts and the front of each queue, which people see next. Progress is kept per process, not in
the database. A process starts at the oldest label and passes some thousand labels a run: a million take two hours in
the background. Later runs read new labels only. A run with nothing to do costs a few milliseconds, however many
parts there are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from numpy.typing import NDArray

from inspection.models import Inspection, Product, Verdict
from inspection.scoring import part_embeddings
from labeling.models import Label
from labeling.queue.queue_filters import in_queue_order
from labeling.review import reference_parts
from mltasks.models import ModelVersion
from mltasks.registry import registry, scorers

logger = logging.getLogger(__name__)

# Embeddings computed for a product in one run, of labeled and of waiting parts: some seconds of a core.
LABELED_PER_RUN, WAITING_PER_RUN = 24, 8
# Labels, and waiting parts, that one run reads.
LABEL_WINDOW, QUEUE_WINDOW = 2000, 512
# For so long, a label with a lower key may still be uncommitted.
COMMIT_DELAY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class BackfillPosition:
    """Progress with a product: all labels up to ``last_label_id`` are done in this space."""

    space: str
    last_label_id: int


class _Row(NamedTuple):
    label_id: int
    product_id: int
    inspection_id: UUID
    label_target: int
    embedding_target: int | None
    space: str | None
    is_committed: bool


_positions: dict[int, BackfillPosition] = {}


def backfill_embeddings() -> int:
    """Compute missing embeddings, some of each product, labeled parts first; return how many.

    An error with one product is logged and does not stop the others. Concurrent runs do the same work twice. Raises
    ``django.db.Error`` if the database is unreachable.
    """
    computed = 0
    for product in Product.objects.select_related("registered_model"):
        try:
            computed += _backfill_product(product)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("The embeddings of the parts of %s could not be computed", product)
    return computed


def _backfill_product(product: Product) -> int:
    version = registry.champion(product.registered_model)
    if version is None or not version.embedding_space:
        return 0
    return _backfill_labeled_parts(product, version) + _compute_embeddings(
        _waiting_without_embedding(product, version.embedding_space), version
    )


def _backfill_labeled_parts(product: Product, version: ModelVersion) -> int:
    """Update the next labeled parts, then save the position."""
    before = _positions.get(product.pk)
    passed = before.last_label_id if before and before.space == version.embedding_space else 0
    missing, stale, all_committed = list[UUID](), list[UUID](), True
    for row in _load_label_rows(passed):
        if row.product_id == product.pk and row.space != version.embedding_space:
            missing.append(row.inspection_id)
        elif row.product_id == product.pk and row.embedding_target != row.label_target:
            stale.append(row.inspection_id)
        if len(missing) > LABELED_PER_RUN:
            break
        all_committed = all_committed and row.is_committed
        passed = row.label_id if all_committed else passed
    computed = _compute_embeddings(missing[:LABELED_PER_RUN], version)
    for key in stale:
        _update_embedding(key)
    _positions[product.pk] = BackfillPosition(version.embedding_space, passed)
    return computed


def _waiting_without_embedding(product: Product, space: str) -> list[UUID]:
    """Return the first waiting parts, in queue order, without an embedding in the space."""
    queued = in_queue_order(Inspection.objects.awaiting_review().filter(product=product))
    front = queued.values_list("pk", "embedding__space")[:QUEUE_WINDOW]
    return [key for key, embedding_space in front if embedding_space != space][:WAITING_PER_RUN]


def _load_label_rows(label_id: int) -> list[_Row]:
    after = Label.objects.not_undone().filter(pk__gt=label_id).order_by("pk")
    rows = after.annotate(old=Q(created_at__lte=Now() - COMMIT_DELAY)).values_list(
        *("pk", "inspection__product", "inspection", "verdict"),
        *("inspection__embedding__target", "inspection__embedding__space", "old"),
    )
    return [
        _Row(pk, product, part, int(verdict == Verdict.FAIL), *rest)
        for pk, product, part, verdict, *rest in rows[:LABEL_WINDOW]
    ]


def _compute_embeddings(keys: Iterable[UUID], version: ModelVersion) -> int:
    parts = Inspection.objects.in_bulk(list(keys))
    for part in parts.values():
        # Before the lock: it takes 0.1 s, and reviewers must not wait for it.
        embedding = part_embeddings.compute_embedding(part, scorers.get_batch_scorer(version))
        _update_embedding(part.pk, embedding, version.embedding_space)
    return len(parts)


def _update_embedding(inspection_id: UUID, embedding: NDArray[np.float32] | None = None, space: str = "") -> None:
    with transaction.atomic():
        part = Inspection.objects.select_for_update(of=("self",), no_key=True).get(pk=inspection_id)
        if embedding is not None:
            part_embeddings.save_embedding(part, space, embedding)
        reference_parts.update_embedding_target(part)
