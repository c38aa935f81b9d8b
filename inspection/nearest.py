"""The labeled parts that look most like a part: an approximate search of the database's, in one product and space."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, QuerySet
from pgvector.django import CosineDistance

from inspection.models import Embedding, Inspection

# Filtered rows come out of the index in the order of distance, until there are enough: parts of other products or
# spaces near by can't crowd out what is asked for (pgvector 0.8, iterative index scans).
ITERATE = "SET LOCAL hnsw.iterative_scan = strict_order"
# A few parts far from all others may have no way to them in the graph. They are looked for among so many of the
# product's newest, one by one.
NEWEST = 2000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labeled part and how alike it looks: the cosine of the angle between the two points, at most 1."""

    inspection: Inspection
    similarity: float


def nearest(point: Embedding, target: int, count: int) -> list[Neighbour]:
    """The ``count`` parts most like this one that are labeled good (``target`` 0) or defective (1), the most alike
    first; fewer where there are fewer, and never itself. Raises ValueError for another target."""
    if target not in (0, 1):
        raise ValueError(f"A labeled part has the target 0 or 1, not {target}.")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ITERATE)
        found = dict(by_distance(point, target).values_list("pk", "distance")[:count])
    if len(found) < count:
        found = dict(_one_by_one(point, target).values_list("pk", "distance")[:count])
    parts = Inspection.objects.in_bulk(list(found))
    # A part whose image can't be read lies nowhere: its distance is no number.
    return [Neighbour(parts[key], 1 - distance) for key, distance in found.items() if math.isfinite(distance)]


def by_distance(point: Embedding, target: int) -> QuerySet[Embedding]:
    """Labeled parts of the point's product and space by cosine distance, as the indexes of ``Embedding`` give them."""
    return _labeled(point, target).order_by("distance")


def _one_by_one(point: Embedding, target: int) -> QuerySet[Embedding]:
    newest = Inspection.objects.filter(product=point.product_id).order_by("-received_at").values("pk")[:NEWEST]
    # Ordered by what no index has, so that the graph is not asked again.
    return _labeled(point, target).filter(pk__in=newest).order_by(F("distance") + 0.0)


def _labeled(point: Embedding, target: int) -> QuerySet[Embedding]:
    labeled = Embedding.objects.filter(target=target, product=point.product_id, space=point.space)
    return labeled.exclude(pk=point.pk).annotate(distance=CosineDistance("vector", point.vector))
