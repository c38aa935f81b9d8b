"""Feature bank: the frozen trunk's feature maps of all images, computed once per run.

The trunk never changes, so its maps of an augmented view do not change either. A bank of views per image replaces
running the trunk for each draw of each epoch and fold. The views of an image depend only on the seed and the image,
never on the fold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mltasks.vision.data.augmentation import eval_view, train_view
from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.drawing.synthetic_defects import add_synthetic_defects
from mltasks.vision.heads.pixel_autoencoder import pool_factor
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.trunk import FeatureMaps, Trunk
from mltasks.vision.train_config import SEGMENTATION_RECIPE, TrainConfig
from mltasks.vision.training.features.feature_extractor import FeatureExtractor, build_extractor
from mltasks.vision.training.features.place_grid import CELL_PIXELS, Places, defect_places, mask_places
from mltasks.vision.training.features.stored_features import HalfArray, StoredFeatures, allocate_array, bytes_per_pixel
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import GOOD, InputSize, Sample

# A million pixels take about 1 s on a slow dual-core machine.
MAX_DISK_BYTES, MAX_PIXELS = 6_000_000_000, 400_000_000
# A single augmented view is worse than none: training would use only one altered copy of each image.
MIN_VIEWS = 2
PROGRESS_REPORTS = 40
EVALUATION_BATCH = 64
# Fields stored for augmented views, and for pictures of good parts with synthetic defects
AUGMENTED_FIELDS = ("layer3", "layer4", "statistics", "fine", "aux_maps", "aux_statistics")
SYNTHETIC_FIELDS = ("fine", "layer3", "aux_maps")


class UnreadableSample(ValueError):  # noqa: N818 - names the thing, not the accident
    """Error for a labeled image that is missing or cannot be decoded.

    A run never skips such an image silently."""


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """Stored features of the original images, their augmented views and synthetic defects.

    ``clean`` holds the original images, ``augmented`` holds ``views`` random views of each training image. The views of
    one image are consecutive and start at row ``first_view_row`` × ``views``. ``synthetic`` holds good training images
    with synthetic defects, image numbers in ``synthetic_images`` and covered cells in ``synthetic_places`` ``[n, H/8,
    W/8]``. ``places`` holds those of the defects with a mask or marks, by image number. ``autoencoder_images``
    ``[n, 3, H/f, W/f]`` in [0, 1] are the inputs of the pixel autoencoder."""

    clean: StoredFeatures
    augmented: StoredFeatures
    synthetic: StoredFeatures
    synthetic_places: HalfArray
    synthetic_images: NDArray[np.int64]
    places: dict[int, Places]
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
    """Run the trunk over every sample, and over the views of the indices in ``augmented``.

    The good images among them get synthetic defects, too. Each sample is decoded once. Raises UnreadableSample."""
    size = (config.height, config.width)
    good = [index for index in sorted(augmented) if samples[index].target == GOOD]
    views, synthetic = views_per_image(len(augmented), config), synthetic_per_image(len(good), config)
    images = len(samples) + len(augmented) * views + len(good) * synthetic
    extractor = build_extractor(trunk, size, images, compute)
    bank = _allocate(samples, augmented, good, config, extractor.fp32(torch.zeros(1, 3, *size)))
    every = -(-len(samples) // PROGRESS_REPORTS)
    drawn = 0
    for index, sample in enumerate(samples):
        image = read_sample(sample, config)
        plain = eval_view(image).unsqueeze(0)
        bank.autoencoder_images[index] = average_pixels(plain, pool_factor(*size))[0].half().numpy()
        bank.clean.store(slice(index, index + 1), extractor.fp32(plain))
        if (known := _places(sample, config)) is not None:
            bank.places[index] = known
        if views and bank.first_view_row[index] >= 0:
            seeds = (derive_seed(config.seed, "view", sample.sha256, view) for view in range(views))
            batch = torch.stack([train_view(image, seed) for seed in seeds])
            first = int(bank.first_view_row[index]) * views
            bank.augmented.store(slice(first, first + views), extractor.bf16(batch))
        if synthetic and drawn < len(bank.synthetic_images) and bank.synthetic_images[drawn] == index:
            _store_synthetic(bank, slice(drawn, drawn + synthetic), image, sample, config, extractor)
            drawn += synthetic
        if index % every == 0 or index + 1 == len(samples):
            stage.report((index + 1) / len(samples), f"image {index + 1} of {len(samples)}")
    return bank


def _allocate(
    samples: Sequence[Sample],
    augmented: Collection[int],
    good: Sequence[int],
    config: TrainConfig,
    example: FeatureMaps,
) -> FeatureBank:
    height, width = config.height, config.width
    factor, views = pool_factor(height, width), views_per_image(len(augmented), config)
    synthetic_images = np.repeat(np.asarray(good, np.int64), synthetic_per_image(len(good), config))
    bank = FeatureBank(
        clean=StoredFeatures.allocate(len(samples), example),
        augmented=StoredFeatures.allocate(len(augmented) * views, example, AUGMENTED_FIELDS),
        synthetic=StoredFeatures.allocate(len(synthetic_images), example, SYNTHETIC_FIELDS),
        synthetic_places=allocate_array((len(synthetic_images), height // CELL_PIXELS, width // CELL_PIXELS)),
        synthetic_images=synthetic_images,
        places={},
        autoencoder_images=allocate_array((len(samples), 3, height // factor, width // factor)),
        first_view_row=np.full(len(samples), -1, np.int64),
        views=views,
    )
    bank.first_view_row[sorted(augmented)] = np.arange(len(augmented))
    return bank


def _store_synthetic(
    bank: FeatureBank, rows: slice, image: Tensor, sample: Sample, config: TrainConfig, extractor: FeatureExtractor
) -> None:
    picture = image.permute(1, 2, 0).numpy()
    for row in range(rows.start, rows.stop):
        seed = derive_seed(config.seed, "synthetic defects", sample.sha256, row - rows.start)
        changed, mask = add_synthetic_defects(picture, seed)
        view = eval_view(torch.from_numpy(changed).permute(2, 0, 1)).unsqueeze(0)
        bank.synthetic.store(slice(row, row + 1), extractor.bf16(view))
        bank.synthetic_places[row] = mask_places(mask)


def _places(sample: Sample, config: TrainConfig) -> Places | None:
    try:
        return defect_places(sample, config.input_size)
    except (OSError, ImageError) as error:
        raise UnreadableSample(f"The mask or image of {sample.name} cannot be read: {error}") from error


def views_per_image(images: int, config: TrainConfig) -> int:
    """Return the number of augmented views per image at the config's input size."""
    return affordable_views(images, config.views, config.height * config.width, bytes_per_pixel(config))


def synthetic_per_image(good: int, config: TrainConfig) -> int:
    """Return the number of pictures with synthetic defects per good image at the config's input size."""
    if config.head != SEGMENTATION_RECIPE:
        return 0
    size = config.height * config.width, bytes_per_pixel(config)
    return next((count for count in range(config.synthetic_views, 0, -1) if _affordable(good * count, *size)), 0)


def affordable_views(images: int, requested: int, pixels_each: int, bytes_each: float) -> int:
    """Return the number of views per image that time and disk allow, at most ``requested``.

    ``bytes_each`` are stored per pixel.

    If the limits allow only one view, the result is 0."""
    counts = [requested, *range(requested - 1, MIN_VIEWS - 1, -1)]
    return next((count for count in counts if _affordable(images * count, pixels_each, bytes_each)), 0)


def _affordable(images: int, pixels_each: int, bytes_each: float) -> bool:
    return images * pixels_each <= min(MAX_PIXELS, MAX_DISK_BYTES / bytes_each)


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
