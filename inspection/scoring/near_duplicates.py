"""Which waiting parts look like what people see already: near-duplicates wait their turn while others go ahead.

Done after the verdict by a worker, some parts at a time, from the images on disk: no answer to a station waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from inspection.images import image_files
from inspection.models import Fingerprint, Inspection, InspectionQuerySet, Product, Verdict
from inspection.products import queue_ranking
from mltasks.vision.data import decoding, duplicate_groups, incremental_duplicates
from mltasks.vision.types import Roi

logger = logging.getLogger(__name__)

# A look costs a second or two of one core, however few the parts are. A run of repeats is a matter of minutes.
BATCH_SIZE = 64
MAX_EARLIER_PARTS = 128
# A texture without marks is like no other.
EMPTY_FINGERPRINT = duplicate_groups.Fingerprint(
    1, 1, np.zeros((duplicate_groups.TEXTURE_SIDE, duplicate_groups.TEXTURE_SIDE), np.float16)
)


def flag_duplicates(product: Product) -> int:
    """Compare the product's oldest unjudged parts with the newest that people see or have seen, and place them anew.

    Returns how many, at most ``BATCH_SIZE``. Run twice at once it does the same work twice.
    """
    waiting = Inspection.objects.awaiting_duplicate_check().filter(product=product)
    parts = list(waiting.select_related("fingerprint").order_by("received_at", "pk")[:BATCH_SIZE])
    if not parts:
        return 0
    known = list(_earlier_parts(product).select_related("fingerprint").order_by("-received_at")[:MAX_EARLIER_PARTS])[
        ::-1
    ]
    found = incremental_duplicates.best_earlier_match(_load_fingerprints(known), _load_fingerprints(parts))
    firsts = _first_of_duplicates(known, parts, found)
    alike = {part.pk: one.similarity for part, one in zip(parts, found, strict=True)}
    with transaction.atomic():
        held = queue_ranking.lock_product(product)
        judged = queue_ranking.load_waiting_parts(list(alike))
        for part in judged:
            part.likeness = alike[part.pk]
            part.repeat_of_id = firsts.get(part.pk)
        queue_ranking.save_sort_keys(held, judged, ["likeness", "repeat_of", "queue_time"])
    return len(parts)


def _first_of_duplicates(
    earlier: Sequence[Inspection], parts: Sequence[Inspection], matches: Sequence[incremental_duplicates.BestMatch]
) -> dict[UUID, UUID]:
    """Of each part that repeats another the first of its run."""
    first = [part.repeat_of_id or part.pk for part in earlier]
    for part, one in zip(parts, matches, strict=True):
        first.append(part.pk if one.duplicate_of is None else first[one.duplicate_of])
    own = first[len(earlier) :]
    return {part.pk: key for part, key in zip(parts, own, strict=True) if key != part.pk}


def _earlier_parts(product: Product) -> InspectionQuerySet:
    """What people see or have seen, repeats aside: routed to them and compared or settled, or imported with a label."""
    routed = Q(verdict=Verdict.REVIEW) & (Q(likeness__lt=1) | Q(likeness__isnull=True, settled_at__isnull=False))
    return Inspection.objects.filter(routed | Q(state=Inspection.State.IMPORTED), product=product)


def _load_fingerprints(parts: Iterable[Inspection]) -> list[duplicate_groups.Fingerprint]:
    """Of each part its fingerprint, as it is stored or taken now and stored."""
    found, new = [], []
    for part in parts:
        if hasattr(part, "fingerprint"):
            found.append(_unpack_fingerprint(part.fingerprint))
            continue
        taken = _compute_fingerprint(part)
        found.append(taken or EMPTY_FINGERPRINT)
        if taken is not None:
            texture = incremental_duplicates.pack_texture(taken.texture)
            new.append(Fingerprint(inspection=part, width=taken.width, height=taken.height, texture=texture))
    Fingerprint.objects.bulk_create(new, ignore_conflicts=True)
    return found


def _unpack_fingerprint(stored: Fingerprint) -> duplicate_groups.Fingerprint:
    return duplicate_groups.Fingerprint(
        stored.width, stored.height, incremental_duplicates.unpack_texture(bytes(stored.texture))
    )


def _compute_fingerprint(part: Inspection) -> duplicate_groups.Fingerprint | None:
    """None for an image that can't be read: who reviews the part sees as much."""
    roi = Roi.from_stored(part.roi)
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    try:
        return duplicate_groups.fingerprint(image_files.image_path(part), roi, limits=limits, bit_depth=part.bit_depth)
    except (decoding.ImageError, OSError) as error:
        logger.warning("No fingerprint of %s: %s", part.pk, error)
        return None
