"""Parts of a replay as its figures need them: both versions' words, people's, and what each part may be evidence of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
class ModelVerdict:
    """What a version says of a part, by today's costs: PASS, FAIL or REVIEW, its own PASS or FAIL, and how probable a
    defect is."""

    verdict: str
    model_verdict: str
    probability: float


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """One part with both versions' words; ``human_verdict`` is what people say of it, ``weight`` how many parts of
    the line it
    stands for (None: it did not come by chance, as an imported one), ``like`` how many labeled ones it stands for as
    evidence, where the others taught; ``trained_on`` whether one of the two learned from it."""

    inspection_id: UUID
    part_name: str
    human_verdict: str | None
    weight: float | None
    holdout: bool
    trained_on: bool
    candidate: ModelVerdict
    champion: ModelVerdict | None
    holdout_weight: float = 1.0

    @property
    def defective(self) -> bool:
        """What people say."""
        return self.human_verdict == Verdict.FAIL

    def cost(self, model_verdict: ModelVerdict, costs: Costs) -> float:
        """What the version's verdict costs on this labeled part."""
        if model_verdict.verdict == Verdict.REVIEW:
            return costs.review
        if model_verdict.verdict == Verdict.PASS:
            return costs.fn if self.defective else 0.0
        return 0.0 if self.defective else costs.fp


def load_scored_parts(replay: Replay) -> list[ScoredPart]:
    """The replay's parts that both versions have scored, in its order."""
    parts = list(_load_parts(replay.parts))
    versions = [version for version in (replay.candidate, replay.champion) if version]
    identities = PartIdentities(replay.product)
    learned = ExposureCheck(versions, [part for part in parts if part.person_says], identities)
    share = replay.product.holdout_share or 1.0
    said = [
        load_model_verdicts(version, replay.product, replay.parts) for version in (replay.candidate, replay.champion)
    ]
    found = []
    for part in parts:
        ours, theirs = (word.get(part.pk) for word in said)
        if ours is None or (theirs is None and replay.champion):
            continue
        found.append(
            ScoredPart(
                inspection_id=part.pk,
                part_name=identities.name(part),
                human_verdict=part.person_says,
                weight=1 / part.inclusion if part.inclusion else None,
                # Its like were labeled too, and taught: the locked share stands for them.
                holdout_weight=1 / share if learned.was_locked(part) else 1.0,
                holdout=bool(part.holdout),
                trained_on=learned.was_trained_on(part),
                candidate=ours,
                champion=theirs,
            )
        )
    return found


def _load_parts(keys: Sequence[UUID]) -> Iterable[Inspection]:
    wanted = ("part_id", "image_sha256", "person_says", "inclusion", "holdout")
    for start in range(0, len(keys), _BATCH_SIZE):
        some = keys[start : start + _BATCH_SIZE]
        found = {part.pk: part for part in Inspection.objects.filter(pk__in=some).only(*wanted)}
        yield from (found[key] for key in some if key in found)


class ExposureCheck:
    """Whether some versions learned from any of these parts: from its image, or from another of the same part."""

    def __init__(
        self, versions: Sequence[ModelVersion], parts: Iterable[Inspection], identities: PartIdentities
    ) -> None:
        self._identities = identities
        self._exposure = training_exposure.exposure_of(
            versions, {name for part in parts for name in self._exposure_names(part)}
        )

    def was_trained_on(self, part: Inspection) -> bool:
        """Whether one of them learned from it."""
        return not self._exposure.trained_on.isdisjoint(self._exposure_names(part))

    def was_locked(self, part: Inspection) -> bool:
        """Whether it was there to be learned from, but for the lock."""
        return not self._exposure.locked.isdisjoint(self._exposure_names(part))

    def _exposure_names(self, part: Inspection) -> list[str]:
        # A group is named as `labeling.datasets.datasets.part_groups` does.
        group = self._identities.group(part)
        return [part.image_sha256, group] if group else [part.image_sha256]


def load_model_verdicts(
    version: ModelVersion | None, product: Product, keys: Sequence[UUID]
) -> dict[UUID, ModelVerdict]:
    """What a version says of the parts by today's costs, from its own verdicts and its rescores; nothing of those that
    it has not scored."""
    if version is None:
        return {}
    policy = RoutingPolicy(product_bands(product, version))
    found: dict[UUID, ModelVerdict] = {}
    for start in range(0, len(keys), _BATCH_SIZE):
        some = keys[start : start + _BATCH_SIZE]
        own = Inspection.objects.filter(pk__in=some, model_version=version, defect_probability__isnull=False)
        again = Rescore.objects.filter(inspection__in=some, version=version)
        scores = "defect_probability", "novelty", "novel_defect_suspected"
        rows = [*own.values_list("pk", *scores), *again.values_list("inspection", *scores)]
        found |= {
            key: _model_verdict(probability, novelty, suspected, policy)
            for key, probability, novelty, suspected in rows
        }
    return found


def _model_verdict(
    probability: float, novelty: float | None, suspected: bool | None, policy: RoutingPolicy
) -> ModelVerdict:
    scores = Scores(probability, 0.0, 0.0, policy.bands.fail_threshold, bool(suspected), novelty or 0.0)
    decided = decide(scores, policy, audit_value=1.0)
    return ModelVerdict(decided.verdict, decided.model_verdict or "", probability)
