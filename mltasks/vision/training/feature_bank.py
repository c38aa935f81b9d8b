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
from mltasks.vision.heads.pixel_autoencoder import pool_factor, shrink
from mltasks.vision.networks.auxiliary_backbone import SECOND, SECOND_STATISTICS
from mltasks.vision.networks.compact_features import DETAIL
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.trunk import DEEP, FINE, MIDDLE, NOTHING, STATISTICS, Seen, Trunk
from mltasks.vision.training.feature_extractor import eyes_of
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import InputSize, Sample, TrainConfig

DENSE, GRID, COARSE = 8, 16, 32
IN_MEMORY_BYTES = 1_500_000_000
ON_DISK_BYTES = 6_000_000_000
# A million pixels take a slow pair of cores about 1.4 s.
MAX_PIXELS = 400_000_000
# A single view of each image is worse than none: all is learned from images as nobody will show them.
LEAST_VIEWS = 2
REPORTS = 40
EVALUATION_BATCH = 64
# What is kept of augmented views
OF_VIEWS = ("middle", "deep", "statistics", "second", "second_statistics")
HalfArray = NDArray[np.float16]
FloatArray = NDArray[np.float32]


class UnreadableSample(ValueError):  # noqa: N818 - names the thing, not the accident
    """A labeled image is missing or can't be decoded. A run never skips one in silence."""


@dataclass(frozen=True, slots=True)
class Maps:
    """What the trunk saw of so many images: float16 maps ``[n, channels, h, w]`` and float32 statistics. Empty is what
    nobody needs: fine maps and detail of augmented views, and all that is the companion's without one."""

    fine: HalfArray
    middle: HalfArray
    deep: HalfArray
    statistics: FloatArray
    detail: HalfArray
    second: HalfArray
    second_statistics: FloatArray

    @classmethod
    def empty(cls, count: int, height: int, width: int, *, fine: bool, second: bool) -> Self:
        """Room for ``count`` images of an input size; ``fine`` maps and detail only where novelty detectors need them,
        the ``second`` ones only with a companion."""
        dense, grid, coarse = ((height // stride, width // stride) for stride in (DENSE, GRID, COARSE))
        return cls(
            fine=_array((count if fine else 0, FINE, *grid)),
            middle=_array((count, MIDDLE, *grid)),
            deep=_array((count, DEEP, *coarse)),
            statistics=np.zeros((count, STATISTICS), np.float32),
            detail=_array((count if fine else 0, DETAIL, *dense)),
            second=_array((count if second else 0, SECOND, *grid)),
            second_statistics=np.zeros((count if second else 0, SECOND_STATISTICS), np.float32),
        )

    def put(self, at: slice, seen: Seen) -> None:
        """Store what was seen of consecutive images."""
        if len(self.fine):
            self.fine[at] = seen.fine.half().cpu().numpy()
            self.detail[at] = seen.detail.half().cpu().numpy()
        self.middle[at] = seen.middle.half().cpu().numpy()
        self.deep[at] = seen.deep.half().cpu().numpy()
        self.statistics[at] = seen.statistics.float().cpu().numpy()
        if len(self.second):
            self.second[at] = seen.second.half().cpu().numpy()
        if len(self.second_statistics):
            self.second_statistics[at] = seen.second_statistics.float().cpu().numpy()

    def take(self, rows: NDArray[np.int64], compute: Compute, only: Collection[str] = Seen._fields) -> Seen:
        """What was seen of these images, in 32 bits: what ``only`` names, and nothing where there is nothing."""
        kept = {name: getattr(self, name) for name in Seen._fields}
        wanted = {name: one for name, one in kept.items() if name in only and len(one)}
        found = {name: compute.fetch(torch.from_numpy(one[rows])) for name, one in wanted.items()}
        return Seen(*(found.get(name, NOTHING) for name in Seen._fields))


@dataclass(frozen=True, slots=True)
class TrunkViews:
    """``clean``: the images as they are; ``augmented``: ``views`` random views of each in training, those of one image
    one after another from ``row`` × views on; ``small`` ``[n, 3, H/f, W/f]`` in [0, 1] is what the autoencoder sees."""

    clean: Maps
    augmented: Maps
    small: HalfArray
    row: NDArray[np.int64]
    views: int

    def clean_batch(self, indices: Sequence[int], compute: Compute, only: Collection[str] = Seen._fields) -> Seen:
        """What the trunk sees of the images as they are; of that, what ``only`` names."""
        return self.clean.take(np.asarray(indices, np.int64), compute, only)

    def draw(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """So many views at random, for ``augmented_batch``."""
        return generator.integers(max(1, self.views), size=count)

    def augmented_batch(
        self,
        indices: NDArray[np.int64],
        views: NDArray[np.int64],
        compute: Compute,
        only: Collection[str] = OF_VIEWS,
    ) -> Seen:
        """What it sees of one view of each image, without fine maps and detail; of the images as they are where there
        are no views. Of that, what ``only`` names."""
        if not self.views:
            return self.clean.take(indices, compute, only)
        return self.augmented.take(self.row[indices] * self.views + views, compute, only)

    def small_batch(self, indices: Sequence[int], compute: Compute) -> Tensor:
        """The autoencoder's images, float32 ``[N, 3, H/f, W/f]``."""
        return compute.fetch(torch.from_numpy(self.small[np.asarray(indices)]))


@dataclass(frozen=True, slots=True)
class Material:
    """What every training of a run works on: the views, the targets ``[n]`` (0 good, 1 defect), how and where."""

    bank: TrunkViews
    targets: NDArray[np.int64]
    config: TrainConfig
    compute: Compute


def see(
    samples: Sequence[Sample],
    augmented: Collection[int],
    trunk: Trunk,
    config: TrainConfig,
    compute: Compute,
    stage: Stage,
) -> TrunkViews:
    """Decode every sample once and run the trunk over it and, for the indices in ``augmented``, over its views.
    Raises UnreadableSample."""
    size = (config.height, config.width)
    views = views_of(len(augmented), config)
    factor = pool_factor(*size)
    bank = TrunkViews(
        clean=Maps.empty(len(samples), *size, fine=True, second=bool(config.companion)),
        augmented=Maps.empty(len(augmented) * views, *size, fine=False, second=bool(config.companion)),
        small=_array((len(samples), 3, config.height // factor, config.width // factor)),
        row=np.full(len(samples), -1, np.int64),
        views=views,
    )
    bank.row[sorted(augmented)] = np.arange(len(augmented))
    eyes = eyes_of(trunk, size, len(samples) + len(augmented) * views, compute)
    every = -(-len(samples) // REPORTS)
    for index, sample in enumerate(samples):
        image = read_sample(sample, config)
        plain = eval_view(image).unsqueeze(0)
        bank.small[index] = shrink(plain, factor)[0].half().numpy()
        bank.clean.put(slice(index, index + 1), eyes.plainly(plain))
        if views and bank.row[index] >= 0:
            seeds = (derive_seed(config.seed, "view", sample.sha256, view) for view in range(views))
            batch = torch.stack([train_view(image, seed) for seed in seeds])
            first = int(bank.row[index]) * views
            bank.augmented.put(slice(first, first + views), eyes.roughly(batch))
        if index % every == 0 or index + 1 == len(samples):
            stage.report((index + 1) / len(samples), f"image {index + 1} of {len(samples)}")
    return bank


def views_of(images: int, config: TrainConfig) -> int:
    """How many views each of so many images gets at the config's size."""
    pixels = config.height * config.width
    on_grid = MIDDLE + (SECOND if config.companion else 0)
    each = 2 * (on_grid * pixels // GRID**2 + DEEP * pixels // COARSE**2)
    return view_count(images, each, config.views, pixels)


def view_count(images: int, bytes_each: int, wanted: int, pixels_each: int) -> int:
    """How many views each of so many images gets: as many as wanted, fewer where time or disk would run away, and none
    rather than one instead of more."""
    affordable = min(MAX_PIXELS // max(1, images * pixels_each), ON_DISK_BYTES // max(1, images * bytes_each))
    return wanted if wanted <= affordable else affordable if affordable >= LEAST_VIEWS else 0


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
    if size <= IN_MEMORY_BYTES:
        return np.zeros(shape, np.float16)
    # The file has no name from here on: it goes with the process, however that ends.
    with tempfile.TemporaryFile(prefix="second-look-views-") as file:
        return np.memmap(file, np.float16, "w+", shape=shape)
