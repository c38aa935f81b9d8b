"""Every labeled part and the front of each queue get their points in the champion's space, where serving gave none.

Nothing is remembered in the database of how far this is: a process starts at the oldest label and passes over some
thousand a sweep, so that a million take it two hours in the background; from then on it looks at new ones only. Of the
queue it looks at the front, which is what people see next. So a sweep with nothing to do costs a few milliseconds,
however many parts there are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import Error as DatabaseTrouble
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from numpy.typing import NDArray

from inspection.models import Inspection, Product, Verdict
from inspection.scoring import part_embeddings
from labeling.models import Label
from labeling.queue.queue_filters import in_order
from labeling.review import reference_parts
from mltasks.models import ModelVersion
from mltasks.registry import registry, scorers

logger = logging.getLogger(__name__)

# Points drawn for a product in one sweep, of labeled parts and of waiting ones: some seconds of a core.
LABELED, WAITING = 24, 8
# Labels, and waiting parts, that one sweep looks at.
WINDOW, FRONT = 2000, 512
# A label of a lower number may still be on its way into the database for so long.
SETTLED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Place:
    """How far this process is with a product: all labels up to this one are right in this space."""

    space: str
    label: int


class _Row(NamedTuple):
    number: int
    product: int
    part: UUID
    said: int
    target: int | None
    space: str | None
    old: bool


_places: dict[int, Place] = {}


def sweep() -> int:
    """Draw the points that are missing, some of each product, labeled parts first; return how many. One product's
    trouble costs no other's. Run twice at once it does the same work twice.

    Raises ``django.db.Error`` when the database is away.
    """
    drawn = 0
    for product in Product.objects.select_related("registered_model"):
        try:
            drawn += _sweep(product)
        except DatabaseTrouble:
            raise
        except Exception:
            logger.exception("The parts of %s could not be made comparable", product)
    return drawn


def _sweep(product: Product) -> int:
    version = registry.champion(product.registered_model)
    if version is None or not version.space:
        return 0
    return _labeled(product, version) + _draw(_waiting(product, version.space), version)


def _labeled(product: Product, version: ModelVersion) -> int:
    """Put the next labeled parts right, then remember how far that is."""
    before = _places.get(product.pk)
    passed = before.label if before and before.space == version.space else 0
    missing, stale, settled = list[UUID](), list[UUID](), True
    for row in _labels_after(passed):
        if row.product == product.pk and row.space != version.space:
            missing.append(row.part)
        elif row.product == product.pk and row.target != row.said:
            stale.append(row.part)
        if len(missing) > LABELED:
            break
        settled = settled and row.old
        passed = row.number if settled else passed
    drawn = _draw(missing[:LABELED], version)
    for key in stale:
        _put_right(key)
    _places[product.pk] = Place(version.space, passed)
    return drawn


def _waiting(product: Product, space: str) -> list[UUID]:
    """Of the parts that people see next, the first without a point in the space."""
    queued = in_order(Inspection.objects.awaiting_review().filter(product=product))
    front = queued.values_list("pk", "embedding__space")[:FRONT]
    return [key for key, found in front if found != space][:WAITING]


def _labels_after(number: int) -> list[_Row]:
    after = Label.objects.not_undone().filter(pk__gt=number).order_by("pk")
    rows = after.annotate(old=Q(created_at__lte=Now() - SETTLED)).values_list(
        *("pk", "inspection__product", "inspection", "verdict"),
        *("inspection__embedding__target", "inspection__embedding__space", "old"),
    )
    return [_Row(pk, owner, part, int(said == Verdict.FAIL), *rest) for pk, owner, part, said, *rest in rows[:WINDOW]]


def _draw(keys: Iterable[UUID], version: ModelVersion) -> int:
    parts = Inspection.objects.in_bulk(list(keys))
    for part in parts.values():
        # Before the lock: it takes a tenth of a second, and reviewers must not wait for it.
        point = part_embeddings.point_of(part, scorers.scorer(version))
        _put_right(part.pk, point, version.space)
    return len(parts)


def _put_right(key: UUID, point: NDArray[np.float32] | None = None, space: str = "") -> None:
    with transaction.atomic():
        part = Inspection.objects.select_for_update(of=("self",), no_key=True).get(pk=key)
        if point is not None:
            part_embeddings.keep(part, space, point)
        reference_parts.mark(part)
