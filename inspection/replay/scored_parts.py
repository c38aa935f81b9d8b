"""Parts of a replay as its figures need them: both versions' words, people's, and what each part may be evidence of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from inspection.models import Inspection, Product, Replay, Rescore, Verdict
from inspection.products.bands import bands_of
from inspection.products.part_identity import PartIdentities
from inspection.products.routing import RoutingPolicy, decide
from mltasks.models import ModelVersion
from mltasks.snapshots import training_exposure
from mltasks.vision.types import Costs, Scores

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Word:
    """What a version says of a part, by today's costs: PASS, FAIL or REVIEW, its own PASS or FAIL, and how probable a
    defect is."""

    verdict: str
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One part with both versions' words; ``person`` is what people say of it, ``weight`` how many parts of the line it
    stands for (None: it did not come by chance, as an imported one), ``like`` how many labeled ones it stands for as
    evidence, where the others taught; ``learned`` whether one of the two learned from it."""

    key: UUID
    part: str
    person: str | None
    weight: float | None
    holdout: bool
    learned: bool
    candidate: Word
    champion: Word | None
    like: float = 1.0

    @property
    def defective(self) -> bool:
        """What people say."""
        return self.person == Verdict.FAIL

    def cost(self, word: Word, costs: Costs) -> float:
        """What the version's verdict costs on this labeled part."""
        if word.verdict == Verdict.REVIEW:
            return costs.review
        if word.verdict == Verdict.PASS:
            return costs.fn if self.defective else 0.0
        return 0.0 if self.defective else costs.fp


def of(replay: Replay) -> list[Judged]:
    """The replay's parts that both versions have scored, in its order."""
    parts = list(_parts(replay.parts))
    versions = [version for version in (replay.candidate, replay.champion) if version]
    identities = PartIdentities(replay.product)
    learned = Learned(versions, [part for part in parts if part.person_says], identities)
    share = replay.product.holdout_share or 1.0
    said = [words(version, replay.product, replay.parts) for version in (replay.candidate, replay.champion)]
    found = []
    for part in parts:
        ours, theirs = (word.get(part.pk) for word in said)
        if ours is None or (theirs is None and replay.champion):
            continue
        found.append(
            Judged(
                key=part.pk,
                part=identities.name(part),
                person=part.person_says,
                weight=1 / part.inclusion if part.inclusion else None,
                # Its like were labeled too, and taught: the locked share stands for them.
                like=1 / share if learned.locked(part) else 1.0,
                holdout=bool(part.holdout),
                learned=learned.from_(part),
                candidate=ours,
                champion=theirs,
            )
        )
    return found


def _parts(keys: Sequence[UUID]) -> Iterable[Inspection]:
    wanted = ("part_id", "image_sha256", "person_says", "inclusion", "holdout")
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        found = {part.pk: part for part in Inspection.objects.filter(pk__in=some).only(*wanted)}
        yield from (found[key] for key in some if key in found)


class Learned:
    """Whether some versions learned from any of these parts: from its image, or from another of the same part."""

    def __init__(
        self, versions: Sequence[ModelVersion], parts: Iterable[Inspection], identities: PartIdentities
    ) -> None:
        self._identities = identities
        self._taught = training_exposure.by(versions, {name for part in parts for name in self._names(part)})

    def from_(self, part: Inspection) -> bool:
        """Whether one of them learned from it."""
        return not self._taught.learned.isdisjoint(self._names(part))

    def locked(self, part: Inspection) -> bool:
        """Whether it was there to be learned from, but for the lock."""
        return not self._taught.locked.isdisjoint(self._names(part))

    def _names(self, part: Inspection) -> list[str]:
        # A group is named as `labeling.datasets.datasets.groups` does.
        group = self._identities.group(part)
        return [part.image_sha256, group] if group else [part.image_sha256]


def words(version: ModelVersion | None, product: Product, keys: Sequence[UUID]) -> dict[UUID, Word]:
    """What a version says of the parts by today's costs, from its own verdicts and its rescores; nothing of those that
    it has not scored."""
    if version is None:
        return {}
    policy = RoutingPolicy(bands_of(product, version))
    found: dict[UUID, Word] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        own = Inspection.objects.filter(pk__in=some, model_version=version, defect_probability__isnull=False)
        again = Rescore.objects.filter(inspection__in=some, version=version)
        scores = "defect_probability", "novelty", "novel_defect_suspected"
        rows = [*own.values_list("pk", *scores), *again.values_list("inspection", *scores)]
        found |= {key: _word(probability, novelty, suspected, policy) for key, probability, novelty, suspected in rows}
    return found


def _word(probability: float, novelty: float | None, suspected: bool | None, policy: RoutingPolicy) -> Word:
    scores = Scores(probability, 0.0, 0.0, policy.bands.fails_from, bool(suspected), novelty or 0.0)
    decided = decide(scores, policy, audit_draw=1.0)
    return Word(decided.verdict, decided.label or "", probability)
