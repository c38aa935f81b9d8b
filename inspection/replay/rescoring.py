"""What another version would say of parts that have their verdict: of one for a person, of thousands by a worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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

# Written together: what a killed worker has to score again at most.
BATCH_SIZE = 32
UNREADABLE_ERRORS = (FileNotFoundError, decoding.ImageError)


class ScoringStep(NamedTuple):
    """Parts looked at in one step, and those of them whose image can't be read."""

    attempted: int
    unreadable: int


def score_with(version: ModelVersion, inspection: Inspection) -> Scores:
    """Score the stored image by a version of the product's model, as it would have at intake; takes a part of a second,
    and some seconds where the version has to be loaded first. Nothing is written.

    Raises CannotScore for a version of another model, and where the version's files or the image are gone.
    """
    if version.model_id != inspection.product.registered_model_id:
        raise CannotScore(f"{version} is no version of {inspection.product}.")
    try:
        return _score_image(scorers.get_scorer(version), inspection)
    except BundleCorrupt as error:
        logger.exception("Version %s can't score.", version)
        raise CannotScore(f"Version {version.number} can't be loaded any more.") from error
    except UNREADABLE_ERRORS as error:
        raise CannotScore("The image of this part can't be read any more.") from error


def unscored_parts(version: ModelVersion, keys: Sequence[UUID]) -> list[UUID]:
    """Those of the parts that the version has no score of, in their order: neither decided by it nor rescored."""
    decided = Inspection.objects.filter(pk__in=keys, model_version=version, defect_probability__isnull=False)
    known = set(decided.values_list("pk", flat=True))
    known |= set(Rescore.objects.filter(version=version, inspection__in=keys).values_list("inspection_id", flat=True))
    return [key for key in keys if key not in known]


def score_parts(
    version: ModelVersion, keys: Sequence[UUID], source: Rescore.Source = Rescore.Source.REPLAY
) -> Iterator[ScoringStep]:
    """Score stored parts by a version, as many at a time as the machine has cores for, and yield a step for each part.

    Scores are written batch by batch. Parts that were removed meanwhile, or whose image can't be read, are passed over.
    Raises BundleCorrupt for a version whose files are damaged, and StoreAway.
    """
    if not keys:
        return
    scorer = scorers.get_batch_scorer(version)
    with ThreadPoolExecutor(settings.SCORING_IMAGES, thread_name_prefix="rescore") as threads:
        for some in (keys[start : start + BATCH_SIZE] for start in range(0, len(keys), BATCH_SIZE)):
            parts = list(Inspection.objects.filter(pk__in=some).select_related("product"))
            rows = []
            for part, scores in zip(
                parts, threads.map(lambda part: _score_if_readable(scorer, part), parts), strict=True
            ):
                if scores:
                    rows.append(_rescore(version, part, scores, source))
                yield ScoringStep(1, 0 if scores else 1)
            _save_rescores(rows)
            if removed := len(some) - len(parts):
                yield ScoringStep(removed, 0)


def decide_by_current_costs(scores: Scores, version: ModelVersion, part: Inspection) -> routing.Decision:
    """What the version's scores come to by what the product costs today; no part is drawn for audit."""
    damaged = Reason.DAMAGED_IMAGE in part.reasons
    return routing.decide(scores, RoutingPolicy(product_bands(part.product, version)), audit_value=1.0, damaged=damaged)


def _score_if_readable(scorer: Scorer, part: Inspection) -> Scores | None:
    try:
        return _score_image(scorer, part)
    except UNREADABLE_ERRORS as error:
        logger.warning("The image of %s can't be scored again: %s", part.pk, error)
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
        label=decided.model_verdict or "",
        defect_probability=scores.defect_probability,
        novelty=scores.novelty,
        novel_defect_suspected=scores.novel_defect_suspected,
    )


@transaction.atomic
def _save_rescores(rows: Sequence[Rescore]) -> None:
    """Write the scores of parts that are still there. Whoever scored one first has the word: it is the same."""
    keys = [row.inspection_id for row in rows]
    # Held until the commit, so that retention can't remove a part between this look and the row that refers to it.
    held = Inspection.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True)
    there = set(held.values_list("pk", flat=True))
    Rescore.objects.bulk_create([row for row in rows if row.inspection_id in there], ignore_conflicts=True)
