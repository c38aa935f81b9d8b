"""Parts of a replay with both versions' verdicts, the human verdict and evidence weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from inspection.models import Inspection, Product, Replay, Rescore, Verdict
from inspection.products.bands import product_bands
from inspection.products.part_identity import PartIdentities
from inspection.products.routing import RoutingPolicy, decide
from mltasks.models import ModelVersion
from mltasks.snapshots import training_exposure
from mltasks.vision.types import Costs, Scores

_BATCH_SIZE = 2000


@dataclass(frozen=True, slots=True)
class VersionVerdict:
    """A version's verdict, model verdict and probability of a defect for a part.

    The verdict (PASS, FAIL or REVIEW) follows the product's current costs; the model verdict is PASS or FAIL.
    """

    verdict: str
    model_verdict: str
    probability: float


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """Part with both versions' verdicts.

    ``weight`` is the number of line parts it represents: 1 / inclusion probability. It is None for parts that were not
    sampled by chance, such as imported ones. ``holdout_weight`` is the number of labeled parts it represents as
    evidence if the others were trained on. ``trained_on`` is True if either version trained on it.
    """

    inspection_id: UUID
    part_name: str
    human_verdict: str | None
    weight: float | None
    holdout: bool
    trained_on: bool
    candidate: VersionVerdict
    champion: VersionVerdict | None
    holdout_weight: float = 1.0

    @property
    def defective(self) -> bool:
        return self.human_verdict == Verdict.FAIL

    def cost(self, model_verdict: VersionVerdict, costs: Costs) -> float:
        """Return the cost of the version's verdict on this labeled part."""
        if model_verdict.verdict == Verdict.REVIEW:
            return costs.review
        if model_verdict.verdict == Verdict.PASS:
            return costs.fn if self.defective else 0.0
        return 0.0 if self.defective else costs.fp


def load_scored_parts(replay: Replay) -> list[ScoredPart]:
    """Return the replay's parts that both versions scored, in the replay's order."""
    parts = list(_load_parts(replay.parts))
    versions = [version for version in (replay.candidate, replay.champion) if version]
    identities = PartIdentities(replay.product)
    exposure = ExposureCheck(versions, [part for part in parts if part.human_verdict], identities)
    share = replay.product.holdout_share or 1.0
    candidate, champion = (
        load_version_verdicts(version, replay.product, replay.parts) for version in (replay.candidate, replay.champion)
    )
    return [
        ScoredPart(
            inspection_id=part.pk,
            part_name=identities.name(part),
            human_verdict=part.human_verdict,
            weight=1 / part.inclusion_probability if part.inclusion_probability else None,
            # Labeled parts of the same period were trained on, so the locked share represents them.
            holdout_weight=1 / share if exposure.was_locked(part) else 1.0,
            holdout=bool(part.holdout),
            trained_on=exposure.was_trained_on(part),
            candidate=candidate[part.pk],
            champion=champion.get(part.pk),
        )
        for part in parts
        if part.pk in candidate and (part.pk in champion or not replay.champion)
    ]


def _load_parts(keys: Sequence[UUID]) -> Iterable[Inspection]:
    fields = ("part_id", "image_sha256", "human_verdict", "inclusion_probability", "holdout")
    for batch in _batches(keys):
        parts = Inspection.objects.only(*fields).in_bulk(batch)
        yield from (parts[key] for key in batch if key in parts)


def _batches(keys: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(keys), _BATCH_SIZE):
        yield keys[start : start + _BATCH_SIZE]


class ExposureCheck:
    """Training exposure of parts to versions, by their images or other images of the same part."""

    def __init__(
        self, versions: Sequence[ModelVersion], parts: Iterable[Inspection], identities: PartIdentities
    ) -> None:
        self._identities = identities
        self._exposure = training_exposure.exposure_of(
            versions, {name for part in parts for name in self._exposure_names(part)}
        )

    def was_trained_on(self, part: Inspection) -> bool:
        """Return True if a version trained on the part."""
        return not self._exposure.trained_on.isdisjoint(self._exposure_names(part))

    def was_locked(self, part: Inspection) -> bool:
        """Return True if a version would have trained on the part, had it not been locked."""
        return not self._exposure.locked.isdisjoint(self._exposure_names(part))

    def _exposure_names(self, part: Inspection) -> list[str]:
        # Group names must match those of `labeling.datasets.datasets.part_groups`.
        group = self._identities.group(part)
        return [part.image_sha256, group] if group else [part.image_sha256]


def load_version_verdicts(
    version: ModelVersion | None, product: Product, keys: Sequence[UUID]
) -> dict[UUID, VersionVerdict]:
    """Return a version's verdicts by current costs on the parts that it decided or rescored."""
    if version is None:
        return {}
    policy = RoutingPolicy(product_bands(product, version))
    verdicts: dict[UUID, VersionVerdict] = {}
    for batch in _batches(keys):
        decided = Inspection.objects.filter(pk__in=batch, model_version=version, defect_probability__isnull=False)
        rescored = Rescore.objects.filter(inspection__in=batch, version=version)
        scores = "defect_probability", "novelty", "novel_defect_suspected"
        for key, *values in (*decided.values_list("pk", *scores), *rescored.values_list("inspection", *scores)):
            verdicts[key] = _version_verdict(policy, *values)
    return verdicts


def _version_verdict(
    policy: RoutingPolicy, probability: float, novelty: float | None, suspected: bool | None
) -> VersionVerdict:
    scores = Scores(probability, 0.0, 0.0, policy.bands.fail_threshold, bool(suspected), novelty or 0.0)
    decided = decide(scores, policy, audit_value=1.0)
    return VersionVerdict(decided.verdict, decided.model_verdict or "", probability)
