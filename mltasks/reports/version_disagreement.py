"""Disagreement of versions on images that several of them predicted out of fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from mltasks.models import ModelVersion, SnapshotItem
from mltasks.reports.held_out_predictions import HeldOutPrediction, load_held_out
from mltasks.vision.data.duplicate_groups import file_group
from mltasks.vision.data.splits import part_keys
from mltasks.vision.stats.intervals import Estimate, proportion
from mltasks.vision.stats.paired_tests import PairedTest, holm, mcnemar
from mltasks.vision.types import DEFECT, GOOD, Sample

# Significance level of the McNemar tests (after Holm's correction).
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class ComparedImage:
    """Image with its predictions by version number, and its label in the newest of the reports."""

    sha256: str
    name: str
    target: int
    defect_type: str
    predictions: Mapping[int, HeldOutPrediction]

    @property
    def true_label(self) -> str:
        return "FAIL" if self.target == DEFECT else "PASS"

    @property
    def versions_disagree(self) -> bool:
        return len({prediction.fails for prediction in self.predictions.values()}) > 1

    @property
    def was_relabeled(self) -> bool:
        return len({prediction.target for prediction in self.predictions.values()}) > 1

    @property
    def severity(self) -> tuple[int, float, str]:
        """Return the sort key: defective images first, then the most confident error."""
        errors = [
            abs(self.target - prediction.probability)
            for prediction in self.predictions.values()
            if not prediction.is_correct(self.target)
        ]
        return -self.target, -max(errors, default=0.0), self.sha256


@dataclass(frozen=True)
class VersionPair:
    """Two versions compared on the parts that both predicted.

    ``defects`` is the test of the defective parts alone. ``p_value`` is corrected for the number of pairs (Holm).
    """

    first: ModelVersion
    second: ModelVersion
    parts: PairedTest
    defects: PairedTest
    p_value: float

    @property
    def better(self) -> ModelVersion | None:
        """Return the significantly better version; None if neither is."""
        if self.p_value >= SIGNIFICANCE:
            return None
        return self.first if self.parts.first_only > self.parts.second_only else self.second


@dataclass(frozen=True)
class SharedImageRates:
    """Rates of one version on the images that all versions predicted."""

    version: ModelVersion
    recall: Estimate
    false_alarm_rate: Estimate


@dataclass(frozen=True)
class Disagreement:
    """Comparison of versions on the same images.

    ``unreadable_versions`` are those whose predictions cannot be read now. ``single_version_count`` counts images that
    only one version predicted, ``common_count`` images that all versions predicted. ``differing_images`` has the worst
    first.
    """

    unreadable_versions: list[ModelVersion]
    shared_count: int
    single_version_count: int
    relabeled_count: int
    differing_images: list[ComparedImage]
    pairs: list[VersionPair]
    common_count: int
    common_rates: list[SharedImageRates]

    @property
    def agreeing_count(self) -> int:
        return self.shared_count - len(self.differing_images)


def find_disagreement(versions: Sequence[ModelVersion], is_part: Callable[[str], bool] = bool) -> Disagreement:
    """Compare the versions' predictions for the same images, as read from their directories.

    ``is_part`` returns True if a group shows one part; in old snapshots a part id may name no part. By default every
    named group is one part.
    """
    held_out = {version: load_held_out(version) for version in versions}
    readable = {version: predictions for version, predictions in held_out.items() if predictions is not None}
    images = _compared_images(readable)
    several = [image for image in images if len(image.predictions) > 1]
    common = [image for image in images if len(image.predictions) == len(readable) > 1]
    part_of = _part_by_image(list(readable), several, is_part)
    return Disagreement(
        unreadable_versions=[version for version in versions if version not in readable],
        shared_count=len(several),
        single_version_count=len(images) - len(several),
        relabeled_count=sum(image.was_relabeled for image in several),
        differing_images=sorted(
            (image for image in several if image.versions_disagree), key=lambda image: image.severity
        ),
        pairs=_compare_pairs(list(readable), several, part_of),
        common_count=len(common),
        common_rates=[_shared_image_rates(version, common, part_of) for version in readable] if common else [],
    )


def _compared_images(predictions: Mapping[ModelVersion, Mapping[str, HeldOutPrediction]]) -> list[ComparedImage]:
    by_image: dict[str, dict[int, HeldOutPrediction]] = {}
    newest: dict[str, HeldOutPrediction] = {}
    for version in sorted(predictions, key=lambda version: version.number):
        for sha256, prediction in predictions[version].items():
            by_image.setdefault(sha256, {})[version.number] = prediction
            newest[sha256] = prediction
    return [
        ComparedImage(sha256, latest.name, latest.target, latest.defect_type, by_image[sha256])
        for sha256, latest in newest.items()
    ]


def _part_by_image(
    versions: Sequence[ModelVersion], images: Sequence[ComparedImage], is_part: Callable[[str], bool]
) -> dict[str, str]:
    """Return each image's part; images that any snapshot groups as one part share a part."""
    snapshots = {version.run.snapshot_id for version in versions if version.run.snapshot_id}
    items = SnapshotItem.objects.filter(snapshot__in=snapshots).values_list("image_sha256", "group").distinct()
    groups = [(sha256, group if is_part(group) else file_group(sha256)) for sha256, group in items]
    samples = [Sample("", sha256, Path(), GOOD, group) for sha256, group in groups]
    part_of = {image.sha256: image.sha256 for image in images}
    return part_of | dict(zip((sample.sha256 for sample in samples), part_keys(samples), strict=True))


def _compare_pairs(
    versions: Sequence[ModelVersion], images: Sequence[ComparedImage], part_of: Mapping[str, str]
) -> list[VersionPair]:
    tests = [(pair, *_paired_parts(*pair, images, part_of)) for pair in combinations(versions, 2)]
    tests = [row for row in tests if row[1].n]
    p_values = holm([parts.p_value for _, parts, _ in tests])
    return [
        VersionPair(*pair, parts, defects, p_value)
        for (pair, parts, defects), p_value in zip(tests, p_values, strict=True)
    ]


def _paired_parts(
    version_a: ModelVersion, version_b: ModelVersion, images: Sequence[ComparedImage], part_of: Mapping[str, str]
) -> tuple[PairedTest, PairedTest]:
    """Return the paired tests of all common parts and of those with a defective image."""
    both = [
        image for image in images if version_a.number in image.predictions and version_b.number in image.predictions
    ]
    defective = {part_of[image.sha256] for image in both if image.target == DEFECT}

    def paired(chosen: Sequence[ComparedImage]) -> PairedTest:
        first, second = (
            [image.predictions[version.number].is_correct(image.target) for image in chosen]
            for version in (version_a, version_b)
        )
        return mcnemar(first, second, [part_of[image.sha256] for image in chosen])

    return paired(both), paired([image for image in both if part_of[image.sha256] in defective])


def _shared_image_rates(
    version: ModelVersion, images: Sequence[ComparedImage], part_of: Mapping[str, str]
) -> SharedImageRates:
    def failed(target: int) -> Estimate:
        chosen = [image for image in images if image.target == target]
        return proportion(
            [image.predictions[version.number].fails for image in chosen], [part_of[image.sha256] for image in chosen]
        )

    return SharedImageRates(version, failed(DEFECT), failed(GOOD))
