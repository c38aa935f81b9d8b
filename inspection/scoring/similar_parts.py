"""The labeled parts that look most like a part: an approximate search of the database's, in one product and space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet
from pgvector.django import CosineDistance

from inspection.models import Embedding, Inspection

# Embeddings, each with its part and its ``distance``
LabeledEmbeddings = QuerySet[Any]
# Filtered rows come out of the index in the order of distance, until there are enough: parts of other products or
# spaces near by can't crowd out what is asked for (pgvector 0.8, iterative index scans).
SET_ITERATIVE_SCAN = "SET LOCAL hnsw.iterative_scan = strict_order"
# More candidates than the usual 40: of 2,000 random points 0.99 of the nearest are found, and not 0.96.
SET_EF_SEARCH = "SET LOCAL hnsw.ef_search = 100"
# A few parts far from all others may have no way to them in the graph. They are looked for among so many of the
# product's newest, one by one.
MAX_SCANNED = 2000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labeled part and how alike it looks: the cosine of the angle between the two points, at most 1."""

    inspection: Inspection
    similarity: float


def nearest_labeled(embedding: Embedding, target: int, count: int) -> list[Neighbour]:
    """The ``count`` parts most like this one that are labeled good (``target`` 0) or defective (1), the most alike
    first; fewer where there are fewer, and never itself. Raises ValueError for another target."""
    if target not in (0, 1):
        raise ValueError(f"A labeled part has the target 0 or 1, not {target}.")
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(f"{SET_ITERATIVE_SCAN}; {SET_EF_SEARCH}")
        found = list(order_by_distance(embedding, target)[:count])
    if len(found) < count:
        found = list(_exact_search(embedding, target)[:count])
    # A part whose image can't be read lies nowhere: its distance is no number.
    return [Neighbour(one.inspection, 1 - one.distance) for one in found if math.isfinite(one.distance)]


def order_by_distance(embedding: Embedding, target: int) -> LabeledEmbeddings:
    """Labeled parts of the point's product and space by cosine distance, as the indexes of ``Embedding`` give them."""
    return _labeled_embeddings(embedding, target).order_by("distance")


def _exact_search(embedding: Embedding, target: int) -> LabeledEmbeddings:
    newest = Inspection.objects.filter(product=embedding.product_id).order_by("-received_at").values("pk")[:MAX_SCANNED]
    # Ordered by what no index has, so that the graph is not asked again.
    return _labeled_embeddings(embedding, target).filter(pk__in=newest).order_by(F("distance") + 0.0)


def _labeled_embeddings(embedding: Embedding, target: int) -> LabeledEmbeddings:
    labeled = Embedding.objects.filter(target=target, product=embedding.product_id, space=embedding.space)
    near = labeled.exclude(pk=embedding.pk).annotate(distance=CosineDistance("vector", embedding.vector))
    return near.select_related("inspection").defer("vector")
