"""Most similar labeled parts: approximate nearest-neighbor search of one product and space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet
from pgvector.django import CosineDistance

from inspection.models import Embedding, Inspection

# Embeddings with their parts and ``distance``
LabeledEmbeddings = QuerySet[Any]
# The index returns rows by distance until enough match the filter, so parts of other products or spaces can't
# displace matches (pgvector 0.8, iterative index scans).
SET_ITERATIVE_SCAN = "SET LOCAL hnsw.iterative_scan = strict_order"
# More candidates than the default 40: recall is 0.99 instead of 0.96 on 2,000 random vectors.
SET_EF_SEARCH = "SET LOCAL hnsw.ef_search = 100"
# The graph may not reach a few outlying parts. An exact search of this many newest parts of the product finds them.
MAX_SCANNED = 2000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Labeled part and its cosine similarity, at most 1."""

    inspection: Inspection
    similarity: float


def nearest_labeled(embedding: Embedding, target: int, count: int) -> list[Neighbour]:
    """Return the ``count`` most similar labeled parts with this target, most similar first.

    ``target`` is 0 for good, 1 for defective. Fewer parts are returned if fewer exist; the part itself is excluded.
    Raises ValueError for another target.
    """
    if target not in (0, 1):
        raise ValueError(f"A labeled part has the target 0 or 1, not {target}.")
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(f"{SET_ITERATIVE_SCAN}; {SET_EF_SEARCH}")
        nearest = list(order_by_distance(embedding, target)[:count])
    if len(nearest) < count:
        nearest = list(_exact_search(embedding, target)[:count])
    # The distance of a part with an unreadable image is NaN.
    return [Neighbour(row.inspection, 1 - row.distance) for row in nearest if math.isfinite(row.distance)]


def order_by_distance(embedding: Embedding, target: int) -> LabeledEmbeddings:
    """Return labeled parts of the product and space by cosine distance, in index order."""
    return _labeled_embeddings(embedding, target).order_by("distance")


def _exact_search(embedding: Embedding, target: int) -> LabeledEmbeddings:
    newest = Inspection.objects.filter(product=embedding.product_id).order_by("-received_at").values("pk")[:MAX_SCANNED]
    # This order matches no index, so the graph is not used.
    return _labeled_embeddings(embedding, target).filter(pk__in=newest).order_by(F("distance") + 0.0)


def _labeled_embeddings(embedding: Embedding, target: int) -> LabeledEmbeddings:
    labeled = Embedding.objects.filter(target=target, product=embedding.product_id, space=embedding.space)
    near = labeled.exclude(pk=embedding.pk).annotate(distance=CosineDistance("vector", embedding.vector))
    return near.select_related("inspection").defer("vector")
