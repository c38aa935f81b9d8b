"""Where versions differ: images that several of them judged without having learned from them, and who was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from mltasks.models import ModelVersion, SnapshotItem
from mltasks.reports.held_out_predictions import Said, said_by
from mltasks.vision.data.duplicate_groups import file_group
from mltasks.vision.data.splits import part_keys
from mltasks.vision.stats.intervals import Estimate, proportion
from mltasks.vision.stats.paired_tests import Paired, holm, mcnemar
from mltasks.vision.types import DEFECT, GOOD, Sample

# A difference that chance would show less often than this is none of chance's.
SURE = 0.05


@dataclass(frozen=True)
class Judged:
    """One image and the words on it by version number. ``target`` and ``defect_type`` are what it was labeled for the
    newest of the versions."""

    sha256: str
    name: str
    target: int
    defect_type: str
    said: Mapping[int, Said]

    @property
    def true_label(self) -> str:
        """The verdict that is right."""
        return "FAIL" if self.target == DEFECT else "PASS"

    @property
    def differ(self) -> bool:
        """Whether one version fails it and another passes it."""
        return len({said.fails for said in self.said.values()}) > 1

    @property
    def was_relabeled(self) -> bool:
        """Whether versions learned different labels of it."""
        return len({said.target for said in self.said.values()}) > 1

    @property
    def gravity(self) -> tuple[int, float, str]:
        """Defects that a version passes first, then by how sure the one that is wrong was."""
        wrong = [abs(self.target - one.probability) for one in self.said.values() if not one.is_right(self.target)]
        return -self.target, -max(wrong, default=0.0), self.sha256


@dataclass(frozen=True)
class Pair:
    """Two versions on the parts that both judged. ``defects`` of the parts that only one got right are defective;
    ``p_value`` allows for the number of pairs that were looked at (Holm)."""

    first: ModelVersion
    second: ModelVersion
    parts: Paired
    first_only_defects: int
    second_only_defects: int
    p_value: float

    @property
    def better(self) -> ModelVersion | None:
        """The one that is better by more than chance explains."""
        if self.p_value >= SURE:
            return None
        return self.first if self.parts.first_only > self.parts.second_only else self.second


@dataclass(frozen=True)
class OnShared:
    """One version's rates on the images that all of them judged."""

    version: ModelVersion
    recall: Estimate
    false_alarm_rate: Estimate


@dataclass(frozen=True)
class Disagreement:
    """What versions say of the same images. ``unread`` are those whose predictions can't be read now; ``alone`` counts
    images that only one of the others judged, ``common`` those that all did. ``differ`` has the worst first."""

    unread: list[ModelVersion]
    shared: int
    alone: int
    relabeled: int
    differ: list[Judged]
    pairs: list[Pair]
    common: int
    on_common: list[OnShared]

    @property
    def agree(self) -> int:
        """Images on which all that judged them say the same."""
        return self.shared - len(self.differ)


def every_group(group: str) -> bool:
    """Return True: the group's images show one part."""
    return True


def disagreement(versions: Sequence[ModelVersion], is_part: Callable[[str], bool] = every_group) -> Disagreement:
    """Hold the versions' words on the same images against each other, as each version's directory has them.

    ``is_part`` tells from a group's name if its images show one part: an old snapshot may have grouped by a part id
    that names no part.
    """
    words = {version: said_by(version) for version in versions}
    known = {version: said for version, said in words.items() if said is not None}
    images = _images(known)
    several = [image for image in images if len(image.said) > 1]
    common = [image for image in images if len(image.said) == len(known) > 1]
    part_of = _parts(list(known), several, is_part)
    return Disagreement(
        unread=[version for version, said in words.items() if said is None],
        shared=len(several),
        alone=len(images) - len(several),
        relabeled=sum(image.was_relabeled for image in several),
        differ=sorted((image for image in several if image.differ), key=lambda image: image.gravity),
        pairs=_pairs(list(known), several, part_of),
        common=len(common),
        on_common=[_on_shared(version, common, part_of) for version in known] if common else [],
    )


def _images(words: Mapping[ModelVersion, Mapping[str, Said]]) -> list[Judged]:
    said: dict[str, dict[int, Said]] = {}
    newest: dict[str, Said] = {}
    for version in sorted(words, key=lambda one: one.number):
        for sha256, word in words[version].items():
            said.setdefault(sha256, {})[version.number] = word
            newest[sha256] = word
    return [Judged(sha256, word.name, word.target, word.defect_type, said[sha256]) for sha256, word in newest.items()]


def _parts(
    versions: Sequence[ModelVersion], images: Sequence[Judged], is_part: Callable[[str], bool]
) -> dict[str, str]:
    """The part that each image shows: what any of the snapshots has as one part is one."""
    snapshots = {version.run.snapshot_id for version in versions if version.run.snapshot_id}
    items = SnapshotItem.objects.filter(snapshot__in=snapshots).values_list("image_sha256", "group").distinct()
    groups = [(sha256, group if is_part(group) else file_group(sha256)) for sha256, group in items]
    samples = [Sample("", sha256, Path(), GOOD, group) for sha256, group in groups]
    part_of = {image.sha256: image.sha256 for image in images}
    return part_of | dict(zip((one.sha256 for one in samples), part_keys(samples), strict=True))


def _pairs(versions: Sequence[ModelVersion], images: Sequence[Judged], part_of: Mapping[str, str]) -> list[Pair]:
    held = [(one, other, *_held(one, other, images, part_of)) for one, other in combinations(versions, 2)]
    held = [row for row in held if row[2].n]
    p_values = holm([paired.p_value for _, _, paired, _ in held])
    return [
        Pair(one, other, paired, defects.first_only, defects.second_only, p_value)
        for (one, other, paired, defects), p_value in zip(held, p_values, strict=True)
    ]


def _held(
    one: ModelVersion, other: ModelVersion, images: Sequence[Judged], part_of: Mapping[str, str]
) -> tuple[Paired, Paired]:
    """All parts that both judged, and the defective ones of them: those with a defective image."""
    both = [image for image in images if one.number in image.said and other.number in image.said]
    defective = {part_of[image.sha256] for image in both if image.target == DEFECT}

    def paired(chosen: Sequence[Judged]) -> Paired:
        first, second = (
            [image.said[version.number].is_right(image.target) for image in chosen] for version in (one, other)
        )
        return mcnemar(first, second, [part_of[image.sha256] for image in chosen])

    return paired(both), paired([image for image in both if part_of[image.sha256] in defective])


def _on_shared(version: ModelVersion, images: Sequence[Judged], part_of: Mapping[str, str]) -> OnShared:
    def failed(target: int) -> Estimate:
        chosen = [image for image in images if image.target == target]
        return proportion(
            [image.said[version.number].fails for image in chosen], [part_of[image.sha256] for image in chosen]
        )

    return OnShared(version, failed(DEFECT), failed(GOOD))
