"""What the frozen trunk sees of each image, computed once and reused by every epoch and every fold.

The trunk never changes, so its maps of an augmented view don't either: a bank of views per image replaces running it
anew for each draw. An image's views depend on the seed and the image alone, never on the fold.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mltasks.vision.data.augmentation import eval_view, train_view
from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.heads.pixel_autoencoder import average_pool, pool_factor
from mltasks.vision.networks.auxiliary_backbone import AUX_STATISTICS_SIZE, AUX_STRIDE16_CHANNELS
from mltasks.vision.networks.compact_features import COMPACT_CHANNELS
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.trunk import (
    EMPTY,
    LAYER2_CHANNELS,
    LAYER3_CHANNELS,
    LAYER4_CHANNELS,
    STATISTICS_SIZE,
    FeatureMaps,
    Trunk,
)
from mltasks.vision.training.feature_extractor import build_extractor
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import InputSize, Sample, TrainConfig

COMPACT_STRIDE, LAYER3_STRIDE, LAYER4_STRIDE = 8, 16, 32
MAX_MEMORY_BYTES = 1_500_000_000
MAX_DISK_BYTES = 6_000_000_000
# A million pixels take a slow pair of cores about 1.4 s.
MAX_PIXELS = 400_000_000
# A single view of each image is worse than none: all is learned from images as nobody will show them.
MIN_VIEWS = 2
PROGRESS_REPORTS = 40
EVALUATION_BATCH = 64
# What is kept of augmented views
AUGMENTED_FIELDS = ("layer3", "layer4", "statistics", "aux_maps", "aux_statistics")
HalfArray = NDArray[np.float16]
FloatArray = NDArray[np.float32]


class UnreadableSample(ValueError):  # noqa: N818 - names the thing, not the accident
    """A labeled image is missing or can't be decoded. A run never skips one in silence."""


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """What the trunk saw of so many images: float16 maps ``[n, channels, h, w]`` and float32 statistics. Empty is what
    nobody needs: fine maps and detail of augmented views, and all that is the companion's without one."""

    layer2: HalfArray
    layer3: HalfArray
    layer4: HalfArray
    statistics: FloatArray
    compact: HalfArray
    aux_maps: HalfArray
    aux_statistics: FloatArray

    @classmethod
    def allocate(cls, count: int, height: int, width: int, *, novelty_fields: bool, auxiliary: bool) -> Self:
        """Room for ``count`` images of an input size; ``fine`` maps and detail only where novelty detectors need them,
        the ``aux_maps`` ones only with a companion."""
        dense, grid, coarse = (
            (height // stride, width // stride) for stride in (COMPACT_STRIDE, LAYER3_STRIDE, LAYER4_STRIDE)
        )
        return cls(
            layer2=_array((count if novelty_fields else 0, LAYER2_CHANNELS, *grid)),
            layer3=_array((count, LAYER3_CHANNELS, *grid)),
            layer4=_array((count, LAYER4_CHANNELS, *coarse)),
            statistics=np.zeros((count, STATISTICS_SIZE), np.float32),
            compact=_array((count if novelty_fields else 0, COMPACT_CHANNELS, *dense)),
            aux_maps=_array((count if auxiliary else 0, AUX_STRIDE16_CHANNELS, *grid)),
            aux_statistics=np.zeros((count if auxiliary else 0, AUX_STATISTICS_SIZE), np.float32),
        )

    def store(self, at: slice, features: FeatureMaps) -> None:
        """Store what was seen of consecutive images."""
        if len(self.layer2):
            self.layer2[at] = features.layer2.half().cpu().numpy()
            self.compact[at] = features.compact.half().cpu().numpy()
        self.layer3[at] = features.layer3.half().cpu().numpy()
        self.layer4[at] = features.layer4.half().cpu().numpy()
        self.statistics[at] = features.statistics.float().cpu().numpy()
        if len(self.aux_maps):
            self.aux_maps[at] = features.aux_maps.half().cpu().numpy()
        if len(self.aux_statistics):
            self.aux_statistics[at] = features.aux_statistics.float().cpu().numpy()

    def fetch(
        self, rows: NDArray[np.int64], compute: Compute, fields: Collection[str] = FeatureMaps._fields
    ) -> FeatureMaps:
        """What was seen of these images, in 32 bits: what ``only`` names, and nothing where there is nothing."""
        kept = {name: getattr(self, name) for name in FeatureMaps._fields}
        wanted = {name: one for name, one in kept.items() if name in fields and len(one)}
        found = {name: compute.to_device(torch.from_numpy(one[rows])) for name, one in wanted.items()}
        return FeatureMaps(*(found.get(name, EMPTY) for name in FeatureMaps._fields))


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """``clean``: the images as they are; ``augmented``: ``views`` random views of each in training, those of one image
    one after another from ``row`` × views on; ``autoencoder_images`` ``[n, 3, H/f, W/f]`` in [0, 1] is what the
    autoencoder sees."""

    clean: StoredFeatures
    augmented: StoredFeatures
    autoencoder_images: HalfArray
    first_view_row: NDArray[np.int64]
    views: int

    def clean_batch(
        self, indices: Sequence[int], compute: Compute, fields: Collection[str] = FeatureMaps._fields
    ) -> FeatureMaps:
        """What the trunk sees of the images as they are; of that, what ``only`` names."""
        return self.clean.fetch(np.asarray(indices, np.int64), compute, fields)

    def sample_views(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """So many views at random, for ``augmented_batch``."""
        return generator.integers(max(1, self.views), size=count)

    def augmented_batch(
        self,
        indices: NDArray[np.int64],
        views: NDArray[np.int64],
        compute: Compute,
        fields: Collection[str] = AUGMENTED_FIELDS,
    ) -> FeatureMaps:
        """What it sees of one view of each image, without fine maps and detail; of the images as they are where there
        are no views. Of that, what ``only`` names."""
        if not self.views:
            return self.clean.fetch(indices, compute, fields)
        return self.augmented.fetch(self.first_view_row[indices] * self.views + views, compute, fields)

    def autoencoder_batch(self, indices: Sequence[int], compute: Compute) -> Tensor:
        """The autoencoder's images, float32 ``[N, 3, H/f, W/f]``."""
        return compute.to_device(torch.from_numpy(self.autoencoder_images[np.asarray(indices)]))


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What every training of a run works on: the views, the targets ``[n]`` (0 good, 1 defect), how and where."""

    bank: FeatureBank
    targets: NDArray[np.int64]
    config: TrainConfig
    compute: Compute


def build_feature_bank(
    samples: Sequence[Sample],
    augmented: Collection[int],
    trunk: Trunk,
    config: TrainConfig,
    compute: Compute,
    stage: Stage,
) -> FeatureBank:
    """Decode every sample once and run the trunk over it and, for the indices in ``augmented``, over its views.
    Raises UnreadableSample."""
    size = (config.height, config.width)
    views = views_per_image(len(augmented), config)
    factor = pool_factor(*size)
    bank = FeatureBank(
        clean=StoredFeatures.allocate(len(samples), *size, novelty_fields=True, auxiliary=bool(config.companion)),
        augmented=StoredFeatures.allocate(
            len(augmented) * views, *size, novelty_fields=False, auxiliary=bool(config.companion)
        ),
        autoencoder_images=_array((len(samples), 3, config.height // factor, config.width // factor)),
        first_view_row=np.full(len(samples), -1, np.int64),
        views=views,
    )
    bank.first_view_row[sorted(augmented)] = np.arange(len(augmented))
    eyes = build_extractor(trunk, size, len(samples) + len(augmented) * views, compute)
    every = -(-len(samples) // PROGRESS_REPORTS)
    for index, sample in enumerate(samples):
        image = read_sample(sample, config)
        plain = eval_view(image).unsqueeze(0)
        bank.autoencoder_images[index] = average_pool(plain, factor)[0].half().numpy()
        bank.clean.store(slice(index, index + 1), eyes.fp32(plain))
        if views and bank.first_view_row[index] >= 0:
            seeds = (derive_seed(config.seed, "view", sample.sha256, view) for view in range(views))
            batch = torch.stack([train_view(image, seed) for seed in seeds])
            first = int(bank.first_view_row[index]) * views
            bank.augmented.store(slice(first, first + views), eyes.bf16(batch))
        if index % every == 0 or index + 1 == len(samples):
            stage.report((index + 1) / len(samples), f"image {index + 1} of {len(samples)}")
    return bank


def views_per_image(images: int, config: TrainConfig) -> int:
    """How many views each of so many images gets at the config's size."""
    pixels = config.height * config.width
    on_grid = LAYER3_CHANNELS + (AUX_STRIDE16_CHANNELS if config.companion else 0)
    each = 2 * (on_grid * pixels // LAYER3_STRIDE**2 + LAYER4_CHANNELS * pixels // LAYER4_STRIDE**2)
    return affordable_views(images, each, config.views, pixels)


def affordable_views(images: int, bytes_each: int, requested: int, pixels_each: int) -> int:
    """How many views each of so many images gets: as many as wanted, fewer where time or disk would run away, and none
    rather than one instead of more."""
    affordable = min(MAX_PIXELS // max(1, images * pixels_each), MAX_DISK_BYTES // max(1, images * bytes_each))
    return requested if requested <= affordable else affordable if affordable >= MIN_VIEWS else 0


def read_sample(sample: Sample, config: TrainConfig) -> Tensor:
    """The image at the network's size, uint8 ``[3, H, W]``. Raises UnreadableSample, which names it."""
    try:
        size = InputSize(config.height, config.width, config.keep_shape)
        pixels = decode(sample.path, roi=sample.roi, size=size, bit_depth=sample.bit_depth)
    except (OSError, ImageError) as error:
        raise UnreadableSample(f"{sample.name} ({sample.path}) can't be used for training: {error}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def batches(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Consecutive slices of at most ``size``."""
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _array(shape: tuple[int, ...]) -> HalfArray:
    size = int(np.prod(shape)) * 2
    if size <= MAX_MEMORY_BYTES:
        return np.zeros(shape, np.float16)
    # The file has no name from here on: it goes with the process, however that ends.
    with tempfile.TemporaryFile(prefix="second-look-views-") as file:
        return np.memmap(file, np.float16, "w+", shape=shape)
