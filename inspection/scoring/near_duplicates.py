"""Detection of waiting near-duplicates, which then rank behind other parts.

A worker compares some parts at a time, from the stored images, after their verdict. No answer to a station waits for
it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from threadpoolctl import threadpool_limits

from inspection.images import image_files
from inspection.models import Fingerprint, Inspection, InspectionQuerySet, Product, Verdict
from inspection.products import queue_ranking
from mltasks.vision.data import decoding, duplicate_groups, incremental_duplicates
from mltasks.vision.types import Roi

logger = logging.getLogger(__name__)

# Fingerprint without texture; it matches no other.
EMPTY_FINGERPRINT = duplicate_groups.Fingerprint(
    1, 1, np.zeros((duplicate_groups.TEXTURE_SIDE, duplicate_groups.TEXTURE_SIDE), np.float16)
)


def flag_duplicates(product: Product) -> int:
    """Compare the oldest unchecked waiting parts with earlier reviewed parts, and rank them.

    Returns the number of compared parts, at most ``incremental_duplicates.BATCH_SIZE``. Concurrent calls repeat the
    same work without harm.
    """
    waiting = Inspection.objects.awaiting_duplicate_check().filter(product=product)
    parts = list(
        waiting.select_related("fingerprint").order_by("received_at", "pk")[: incremental_duplicates.BATCH_SIZE]
    )
    if not parts:
        return 0
    newest = _earlier_parts(product).select_related("fingerprint").order_by("-received_at")
    earlier = list(newest[: incremental_duplicates.MAX_EARLIER_PARTS])[::-1]
    # More threads would wait for each other in loops: three times the processor time while other programs are busy.
    with threadpool_limits(1, user_api="blas"):
        matches = incremental_duplicates.best_earlier_match(_load_fingerprints(earlier), _load_fingerprints(parts))
    originals = _originals_of_duplicates(earlier, parts, matches)
    similarities = {part.pk: match.similarity for part, match in zip(parts, matches, strict=True)}
    with transaction.atomic():
        locked = queue_ranking.lock_product(product)
        still_waiting = queue_ranking.load_waiting_parts(list(similarities))
        for part in still_waiting:
            part.similarity = similarities[part.pk]
            part.duplicate_of_id = originals.get(part.pk)
        queue_ranking.save_sort_keys(locked, still_waiting, ["similarity", "duplicate_of", "queue_sort_key"])
    return len(parts)


def _originals_of_duplicates(
    earlier: Sequence[Inspection], parts: Sequence[Inspection], matches: Sequence[incremental_duplicates.BestMatch]
) -> dict[UUID, UUID]:
    """Return, for each near-duplicate, the first part of its group."""
    originals = [part.duplicate_of_id or part.pk for part in earlier]
    for part, match in zip(parts, matches, strict=True):
        originals.append(part.pk if match.duplicate_of is None else originals[match.duplicate_of])
    own = originals[len(earlier) :]
    return {part.pk: key for part, key in zip(parts, own, strict=True) if key != part.pk}


def _earlier_parts(product: Product) -> InspectionQuerySet:
    """Return the parts that people see or have seen, without near-duplicates.

    These are parts in review that were compared or resolved, and imported labeled parts.
    """
    routed = Q(verdict=Verdict.REVIEW) & (Q(similarity__lt=1) | Q(similarity__isnull=True, resolved_at__isnull=False))
    return Inspection.objects.filter(routed | Q(state=Inspection.State.IMPORTED), product=product)


def _load_fingerprints(parts: Iterable[Inspection]) -> list[duplicate_groups.Fingerprint]:
    """Return each part's fingerprint; compute and store the missing ones."""
    fingerprints, new = [], []
    for part in parts:
        if hasattr(part, "fingerprint"):
            stored = part.fingerprint
            texture = incremental_duplicates.unpack_texture(bytes(stored.texture))
            fingerprints.append(duplicate_groups.Fingerprint(stored.width, stored.height, texture))
            continue
        computed = _compute_fingerprint(part)
        fingerprints.append(computed or EMPTY_FINGERPRINT)
        if computed is not None:
            packed = incremental_duplicates.pack_texture(computed.texture)
            new.append(Fingerprint(inspection=part, width=computed.width, height=computed.height, texture=packed))
    Fingerprint.objects.bulk_create(new, ignore_conflicts=True)
    return fingerprints


def _compute_fingerprint(part: Inspection) -> duplicate_groups.Fingerprint | None:
    """Return the part's fingerprint, or None if its image can't be read.

    The reviewer of such a part sees the failure too.
    """
    roi = Roi.from_stored(part.roi)
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    try:
        return duplicate_groups.fingerprint(image_files.image_path(part), roi, limits=limits, bit_depth=part.bit_depth)
    except (decoding.ImageError, OSError) as error:
        logger.warning("Could not compute the fingerprint of part %s: %s", part.pk, error)
        return None
