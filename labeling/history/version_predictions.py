"""Predictions of each version on a part: its verdict, label issues, and scores on request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from inspection.models import Inspection, Verdict
from inspection.products.bands import product_bands
from inspection.replay.rescoring import score_with
from labeling.models import Recheck
from mltasks.models import ModelVersion, SnapshotItem
from mltasks.vision.types import HOLDOUT

# Newest versions; the champion and the version that decided are always included.
MAX_VERSIONS = 8
# Equals the number of scorers that a process keeps loaded.
MAX_SCORED_AT_ONCE = 4


@dataclass(frozen=True)
class VersionPrediction:
    """Prediction of one version on a part.

    ``probability`` is None until a person requests it. ``trained_on``: the version was trained on this very image, so
    its prediction is no test.
    """

    version: ModelVersion
    is_champion: bool
    decided_part: bool
    trained_on: bool
    scored_now: bool = False
    probability: float | None = None
    label: str = ""
    novelty: float | None = None
    out_of_fold: float | None = None


def load_version_predictions(part: Inspection, version_numbers: Collection[int] = ()) -> list[VersionPrediction]:
    """Return every version's prediction on the part, newest first.

    Versions in ``version_numbers`` score the part now, at most ``MAX_SCORED_AT_ONCE``. Raises CannotScore.
    """
    version_numbers = sorted(set(version_numbers), reverse=True)[:MAX_SCORED_AT_ONCE]
    versions = _versions(part)
    trained_on, out_of_fold = _trained_on(part, versions), _out_of_fold_probabilities(part)
    predictions = []
    for version in versions:
        probability, novelty = _scores_by_version(version, part, version.number in version_numbers)
        fails = None if probability is None else product_bands(part.product, version).predicts_fail(probability)
        predictions.append(
            VersionPrediction(
                version=version,
                is_champion=version.state == ModelVersion.State.CHAMPION,
                decided_part=version.pk == part.model_version_id,
                trained_on=version.pk in trained_on,
                scored_now=version.number in version_numbers,
                probability=probability,
                label="" if fails is None else Verdict.FAIL if fails else Verdict.PASS,
                novelty=novelty,
                out_of_fold=out_of_fold.get(version.pk),
            )
        )
    return predictions


def _versions(part: Inspection) -> list[ModelVersion]:
    versions = ModelVersion.objects.filter(model=part.product.registered_model_id).order_by("-number")
    newest = list(versions.values_list("pk", flat=True)[:MAX_VERSIONS])
    always = Q(state=ModelVersion.State.CHAMPION) | Q(pk=part.model_version_id)
    return list(versions.filter(Q(pk__in=newest) | always))


def _scores_by_version(version: ModelVersion, part: Inspection, scored_now: bool) -> tuple[float | None, float | None]:
    """Return defect probability, and novelty over its threshold."""
    if version.pk == part.model_version_id:
        return part.defect_probability, part.novelty
    if not scored_now:
        return None, None
    scores = score_with(version, part)
    return scores.defect_probability, scores.novelty


def _trained_on(part: Inspection, versions: list[ModelVersion]) -> set[int]:
    same = SnapshotItem.objects.filter(image_sha256=part.image_sha256, snapshot__runs__version__in=versions)
    items = same.exclude(split=HOLDOUT)
    return set(items.values_list("snapshot__runs__version", flat=True))


def _out_of_fold_probabilities(part: Inspection) -> dict[int, float]:
    """Return out-of-fold probabilities of the versions that opened a recheck of the part."""
    rows = Recheck.objects.filter(inspection=part).values_list("version", "probability")
    return {version: probability for version, probability in rows if version is not None and probability is not None}
