"""Fast path of a part: PASS by the screening network alone, if the network is sure; it never answers FAIL."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from inspection.models import FastPath, Inspection, Product
from inspection.products import routing
from inspection.products.bands import serving_fast_path
from mltasks.models import ModelVersion
from mltasks.registry import scorers
from mltasks.registry.deadline_queue import SlotRequest
from mltasks.storage import version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.data.decoding import LoadedImage
from mltasks.vision.guarantees.thresholds import Bands
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.screener import Screener
from mltasks.vision.types import Scores

logger = logging.getLogger(__name__)

# Screening networks loaded at once; each takes about 20 MB.
MAX_LOADED = 16


class Screened(NamedTuple):
    """Fast path that passed a part, and its logit of the part."""

    fast_path: FastPath
    logit: float


def try_fast_path(
    product: Product,
    key: UUID,
    version: ModelVersion,
    loaded: LoadedImage,
    pixels: NDArray[np.uint8],
    slot: SlotRequest | None = None,
) -> Screened | None:
    """Return the fast path's PASS of a part with this key, or None if the full graph has to answer.

    ``pixels`` is the image at the version's input size. Parts of the audit sample and damaged images always take the
    full graph, and so do all parts while the fast path is off or its files are damaged. Raises SlotTooLate if the
    ``slot`` gives up.
    """
    learned = serving_fast_path(product, version)
    if learned is None or loaded.damage:
        return None
    if routing.may_be_audited(product.audit_share, product.fail_audit_share, routing.audit_sample_value(key)):
        return None
    screener = _load_screener(learned)
    if screener is None:
        return None
    logit = screener.logit(pixels, slot)
    return Screened(learned, logit) if screener.certificate.passes(logit) else None


def full_graph_passes(part: Inspection, version: ModelVersion | None, scores: Scores | None) -> bool | None:
    """Return True if the full graph would have passed a part that the fast path passed, by the bands of that time.

    None for parts without a fast path, and if another version scored the part because the files of its own are damaged.
    """
    learned = part.fast_path
    if learned is None or scores is None or version is None or learned.version_id != version.pk:
        return None
    bands = Bands(**learned.meta["policy"]["bands"])
    return not scores.novel_defect_suspected and bands.passes(scores.defect_probability, scores.novelty)


def _load_screener(learned: FastPath) -> Screener | None:
    """Return the loaded network; None if its files cannot be had: then the full graph answers every part."""
    try:
        return _load_once(learned.pk, learned.sha256)
    except StoreUnreachable:
        logger.warning("The fast path %s cannot be fetched; the full graph answers.", learned)
        return None


@lru_cache(maxsize=MAX_LOADED)
def _load_once(pk: int, sha256: str) -> Screener | None:
    """Load a fast path's files; None, until the process ends, for damaged ones: reading them again takes time."""
    learned = FastPath.objects.get(pk=pk)
    try:
        return Screener.load(
            version_store.ensure_local(learned),
            expected_sha256=sha256,
            threads=settings.SCORING_THREADS,
            acquire_slot=scorers.host_semaphore().acquire,
        )
    except BundleCorrupt:
        logger.exception("The files of the fast path %s are damaged: the full graph answers every part.", learned)
        return None
