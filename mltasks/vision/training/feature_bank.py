"""Feature bank: the frozen trunk's feature maps of all images, computed once per run.

The trunk never changes, so its maps of an augmented view do not change either. A bank of views per image replaces
running the trunk for each draw of each epoch and fold. The views of an image depend only on the seed and the image,
never on the fold."""

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
# A million pixels take about 1.4 s on a slow dual-core machine.
MAX_PIXELS = 400_000_000
# A single augmented view is worse than none: training would use only one altered copy of each image.
MIN_VIEWS = 2
PROGRESS_REPORTS = 40
EVALUATION_BATCH = 64
# Fields stored for augmented views
AUGMENTED_FIELDS = ("layer3", "layer4", "statistics", "aux_maps", "aux_statistics")
HalfArray = NDArray[np.float16]
FloatArray = NDArray[np.float32]


class UnreadableSample(ValueError):  # noqa: N818 - names the thing, not the accident
    """Error for a labeled image that is missing or cannot be decoded.

    A run never skips such an image silently."""


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """Feature maps of many images: float16 maps ``[n, channels, h, w]``, float32 statistics.

    Unneeded fields are empty: ``layer2`` and ``compact`` of augmented views, and the ``aux_*`` fields without an
    auxiliary backbone."""

    layer2: HalfArray
    layer3: HalfArray
    layer4: HalfArray
    statistics: FloatArray
    compact: HalfArray
    aux_maps: HalfArray
    aux_statistics: FloatArray

    @classmethod
    def allocate(cls, count: int, height: int, width: int, *, novelty_fields: bool, auxiliary: bool) -> Self:
        """Allocate arrays for ``count`` images of one input size.

        ``layer2`` and ``compact`` are allocated only with ``novelty_fields``, the ``aux_*`` fields only with
        ``auxiliary``."""
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
        """Store the features of consecutive images."""
        for name, values in features._asdict().items():
            stored = getattr(self, name)
            if len(stored):
                stored[at] = (values.half() if stored.dtype == np.float16 else values.float()).cpu().numpy()

    def fetch(
        self, rows: NDArray[np.int64], compute: Compute, fields: Collection[str] = FeatureMaps._fields
    ) -> FeatureMaps:
        """Return the features of these rows as float32; unrequested or missing fields are empty."""
        stored = {name: getattr(self, name) for name in FeatureMaps._fields}
        return FeatureMaps(
            *(
                compute.to_device(torch.from_numpy(values[rows])) if name in fields and len(values) else EMPTY
                for name, values in stored.items()
            )
        )


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """Stored features of the original images and of their augmented views.

    ``clean`` holds the original images, ``augmented`` holds ``views`` random views of each training image. The views of
    one image are consecutive and start at row ``first_view_row`` × ``views``. ``autoencoder_images`` ``[n, 3, H/f,
    W/f]`` in [0, 1] are the inputs of the pixel autoencoder."""

    clean: StoredFeatures
    augmented: StoredFeatures
    autoencoder_images: HalfArray
    first_view_row: NDArray[np.int64]
    views: int

    def clean_batch(
        self, indices: Sequence[int], compute: Compute, fields: Collection[str] = FeatureMaps._fields
    ) -> FeatureMaps:
        """Return the named fields of the original images."""
        return self.clean.fetch(np.asarray(indices, np.int64), compute, fields)

    def sample_views(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Draw ``count`` random view numbers for ``augmented_batch``."""
        return generator.integers(max(1, self.views), size=count)

    def augmented_batch(
        self,
        indices: NDArray[np.int64],
        views: NDArray[np.int64],
        compute: Compute,
        fields: Collection[str] = AUGMENTED_FIELDS,
    ) -> FeatureMaps:
        """Return the named fields of one view per image; of the original images without views."""
        if not self.views:
            return self.clean.fetch(indices, compute, fields)
        return self.augmented.fetch(self.first_view_row[indices] * self.views + views, compute, fields)

    def autoencoder_batch(self, indices: Sequence[int], compute: Compute) -> Tensor:
        """Return the autoencoder's images, float32 ``[N, 3, H/f, W/f]``."""
        return compute.to_device(torch.from_numpy(self.autoencoder_images[np.asarray(indices)]))


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Feature bank, targets ``[n]`` (0 good, 1 defect), config and compute of all trainings."""

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
    """Run the trunk over every sample and over the views of the indices in ``augmented``.

    Each sample is decoded once. Raises UnreadableSample."""
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
    extractor = build_extractor(trunk, size, len(samples) + len(augmented) * views, compute)
    every = -(-len(samples) // PROGRESS_REPORTS)
    for index, sample in enumerate(samples):
        image = read_sample(sample, config)
        plain = eval_view(image).unsqueeze(0)
        bank.autoencoder_images[index] = average_pool(plain, factor)[0].half().numpy()
        bank.clean.store(slice(index, index + 1), extractor.fp32(plain))
        if views and bank.first_view_row[index] >= 0:
            seeds = (derive_seed(config.seed, "view", sample.sha256, view) for view in range(views))
            batch = torch.stack([train_view(image, seed) for seed in seeds])
            first = int(bank.first_view_row[index]) * views
            bank.augmented.store(slice(first, first + views), extractor.bf16(batch))
        if index % every == 0 or index + 1 == len(samples):
            stage.report((index + 1) / len(samples), f"image {index + 1} of {len(samples)}")
    return bank


def views_per_image(images: int, config: TrainConfig) -> int:
    """Return the number of augmented views per image at the config's input size."""
    pixels = config.height * config.width
    on_grid = LAYER3_CHANNELS + (AUX_STRIDE16_CHANNELS if config.companion else 0)
    each = 2 * (on_grid * pixels // LAYER3_STRIDE**2 + LAYER4_CHANNELS * pixels // LAYER4_STRIDE**2)
    return affordable_views(images, each, config.views, pixels)


def affordable_views(images: int, bytes_each: int, requested: int, pixels_each: int) -> int:
    """Return the number of views per image that time and disk allow, at most ``requested``.

    If the limits allow only one view, the result is 0."""
    affordable = min(MAX_PIXELS // max(1, images * pixels_each), MAX_DISK_BYTES // max(1, images * bytes_each))
    return requested if requested <= affordable else affordable if affordable >= MIN_VIEWS else 0


def read_sample(sample: Sample, config: TrainConfig) -> Tensor:
    """Return ``read_pixels`` at the config's input size as uint8 ``[3, H, W]``."""
    return torch.from_numpy(read_pixels(sample, config.input_size)).permute(2, 0, 1)


def read_pixels(sample: Sample, size: InputSize) -> NDArray[np.uint8]:
    """Return the image at a network's input size, uint8 ``[height, width, 3]``.

    Raises UnreadableSample, which names the image."""
    try:
        return decode(sample.path, roi=sample.roi, size=size, bit_depth=sample.bit_depth)
    except (OSError, ImageError) as error:
        raise UnreadableSample(f"{sample.name} ({sample.path}) cannot be read: {error}") from error


def batches(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Yield consecutive slices of at most ``size`` indices."""
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _array(shape: tuple[int, ...]) -> HalfArray:
    size = int(np.prod(shape)) * 2
    if size <= MAX_MEMORY_BYTES:
        return np.zeros(shape, np.float16)
    # The file has no name from here on, so the system deletes it when the process ends.
    with tempfile.TemporaryFile(prefix="second-look-views-") as file:
        return np.memmap(file, np.float16, "w+", shape=shape)
