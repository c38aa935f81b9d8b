"""Scoring of decided parts by another version: one part for a page, thousands in a worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction

from inspection.images import image_files
from inspection.models import Inspection, Reason, Rescore
from inspection.products import routing
from inspection.products.bands import product_bands
from inspection.products.routing import RoutingPolicy
from inspection.refusals import CannotScore
from mltasks.models import ModelVersion
from mltasks.registry import scorers
from mltasks.vision.data import decoding
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import Scores

logger = logging.getLogger(__name__)

# Parts written together; a killed worker loses at most this many scores.
BATCH_SIZE = 32
UNREADABLE_ERRORS = (FileNotFoundError, decoding.ImageError)


class ScoringStep(NamedTuple):
    """Numbers of tried parts and of unreadable images in one step."""

    attempted: int
    unreadable: int


def score_with(version: ModelVersion, inspection: Inspection) -> Scores:
    """Score the stored image by a version of the product's model, as intake would.

    Takes less than a second, or some seconds if the version must be loaded first. Nothing is written. Raises
    CannotScore for a version of another model, and if the version's files or the image are missing.
    """
    if version.model_id != inspection.product.registered_model_id:
        raise CannotScore(f"{version} is not a version of {inspection.product}. Choose one of its versions.")
    try:
        return _score_image(scorers.get_scorer(version), inspection)
    except BundleCorrupt as error:
        logger.exception("Version %s cannot score.", version)
        raise CannotScore(
            f"Version {version.number} cannot be loaded: its files are damaged or missing. Choose another version."
        ) from error
    except UNREADABLE_ERRORS as error:
        raise CannotScore("The image of this part cannot be read.") from error


def unscored_parts(version: ModelVersion, keys: Sequence[UUID]) -> list[UUID]:
    """Return the parts, in order, that the version neither decided nor rescored."""
    decided = Inspection.objects.filter(pk__in=keys, model_version=version, defect_probability__isnull=False)
    scored = set(decided.values_list("pk", flat=True))
    scored |= set(Rescore.objects.filter(version=version, inspection__in=keys).values_list("inspection_id", flat=True))
    return [key for key in keys if key not in scored]


def score_parts(
    version: ModelVersion, keys: Sequence[UUID], source: Rescore.Source = Rescore.Source.REPLAY
) -> Iterator[ScoringStep]:
    """Score stored parts by a version in parallel threads, and yield a step for each part.

    SCORING_IMAGES parts are scored at a time. Scores are written in batches. Parts removed meanwhile and unreadable
    images are skipped. Raises BundleCorrupt for a version with damaged files, and StoreUnreachable.
    """
    if not keys:
        return
    scorer = scorers.get_batch_scorer(version)
    with ThreadPoolExecutor(settings.SCORING_IMAGES, thread_name_prefix="rescore") as threads:
        for start in range(0, len(keys), BATCH_SIZE):
            batch = keys[start : start + BATCH_SIZE]
            parts = list(Inspection.objects.filter(pk__in=batch).select_related("product"))
            rows = []
            scored = threads.map(partial(_score_if_readable, scorer), parts)
            for part, scores in zip(parts, scored, strict=True):
                if scores:
                    rows.append(_rescore(version, part, scores, source))
                yield ScoringStep(1, 0 if scores else 1)
            _save_rescores(rows)
            if removed := len(batch) - len(parts):
                yield ScoringStep(removed, 0)


def decide_by_current_costs(scores: Scores, version: ModelVersion, part: Inspection) -> routing.Decision:
    """Return the decision for the scores by the product's current costs, without audit sampling."""
    damaged = Reason.DAMAGED_IMAGE in part.reasons
    return routing.decide(scores, RoutingPolicy(product_bands(part.product, version)), audit_value=1.0, damaged=damaged)


def _score_if_readable(scorer: Scorer, part: Inspection) -> Scores | None:
    try:
        return _score_image(scorer, part)
    except UNREADABLE_ERRORS as error:
        logger.warning("The image of %s cannot be scored again: %s", part.pk, error)
        return None


def _score_image(scorer: Scorer, part: Inspection) -> Scores:
    return scorer.score([image_files.load_image(part, scorer.input_size).to_array(scorer.input_size)])[0]


def _rescore(version: ModelVersion, part: Inspection, scores: Scores, source: Rescore.Source) -> Rescore:
    decided = decide_by_current_costs(scores, version, part)
    return Rescore(
        inspection=part,
        version=version,
        source=source,
        verdict=decided.verdict,
        model_verdict=decided.model_verdict or "",
        defect_probability=scores.defect_probability,
        novelty=scores.novelty,
        novel_defect_suspected=scores.novel_defect_suspected,
    )


@transaction.atomic
def _save_rescores(rows: Sequence[Rescore]) -> None:
    """Write the scores of parts that still exist; earlier scores of a part stay, being equal."""
    keys = [row.inspection_id for row in rows]
    # Locked until the commit, so that retention cannot remove a part before its rescore row is inserted.
    locked = Inspection.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True)
    existing = set(locked.values_list("pk", flat=True))
    Rescore.objects.bulk_create([row for row in rows if row.inspection_id in existing], ignore_conflicts=True)
