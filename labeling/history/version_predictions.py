"""What each version says of a part: the verdict it got, doubts of its label, and scores that a person asks for now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from inspection.models import Inspection, Verdict
from inspection.products.bands import bands_of
from inspection.replay.rescoring import score_with
from labeling.models import Recheck
from mltasks.models import ModelVersion, SnapshotItem
from mltasks.vision.types import HOLDOUT

# Of the newest; the champion and the version that decided are always there.
SHOWN = 8
# As many as a process keeps loaded.
ASKED_AT_ONCE = 4


@dataclass(frozen=True)
class Opinion:
    """One version's word. ``probability`` is None until somebody asks; ``learned`` says that the version was trained on
    this very image, so that its word is no test of it."""

    version: ModelVersion
    champion: bool
    decided: bool
    learned: bool
    asked: bool = False
    probability: float | None = None
    label: str = ""
    novelty: float | None = None
    out_of_fold: float | None = None


def opinions(part: Inspection, asked: Collection[int] = ()) -> list[Opinion]:
    """Every version's word on the part, the newest first; those with a number in ``asked`` score it now, at most
    ``ASKED_AT_ONCE``. Raises CannotScore."""
    asked = sorted(set(asked), reverse=True)[:ASKED_AT_ONCE]
    versions = _versions(part)
    learned, doubts = _learned(part, versions), _doubts(part)
    found = []
    for version in versions:
        probability, novelty = _scores(version, part, version.number in asked)
        fails = None if probability is None else bands_of(part.product, version).fails(probability)
        found.append(
            Opinion(
                version=version,
                champion=version.state == ModelVersion.State.CHAMPION,
                decided=version.pk == part.model_version_id,
                learned=version.pk in learned,
                asked=version.number in asked,
                probability=probability,
                label="" if fails is None else Verdict.FAIL if fails else Verdict.PASS,
                novelty=novelty,
                out_of_fold=doubts.get(version.pk),
            )
        )
    return found


def _versions(part: Inspection) -> list[ModelVersion]:
    all_of_them = ModelVersion.objects.filter(model=part.product.registered_model_id).order_by("-number")
    newest = list(all_of_them.values_list("pk", flat=True)[:SHOWN])
    always = Q(state=ModelVersion.State.CHAMPION) | Q(pk=part.model_version_id)
    return list(all_of_them.filter(Q(pk__in=newest) | always))


def _scores(version: ModelVersion, part: Inspection, asked: bool) -> tuple[float | None, float | None]:
    """Defect probability, and novelty over its threshold."""
    if version.pk == part.model_version_id:
        return part.defect_probability, part.novelty
    if not asked:
        return None, None
    scores = score_with(version, part)
    return scores.defect_probability, scores.novelty


def _learned(part: Inspection, versions: list[ModelVersion]) -> set[int]:
    same = SnapshotItem.objects.filter(image_sha256=part.image_sha256, snapshot__runs__version__in=versions)
    items = same.exclude(split=HOLDOUT)
    return set(items.values_list("snapshot__runs__version", flat=True))


def _doubts(part: Inspection) -> dict[int, float]:
    """Out-of-fold probabilities of the versions that doubted a label of the part."""
    rows = Recheck.objects.filter(inspection=part).values_list("version", "probability")
    return {version: probability for version, probability in rows if version is not None and probability is not None}
