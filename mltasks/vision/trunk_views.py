"""What the frozen trunk sees of each image, computed once and reused by every epoch and every fold.

The trunk never changes, so its maps of an augmented view don't either: a bank of views per image replaces running it
anew for each draw. An image's views depend on the seed and the image alone, never on the fold.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mltasks.vision.augment import eval_view, train_view
from mltasks.vision.autoencoder import pool_factor, shrink
from mltasks.vision.classifier import Trunk
from mltasks.vision.compute import Compute, derive_seed
from mltasks.vision.images import ImageError, decode
from mltasks.vision.progress import Stage
from mltasks.vision.types import Sample, TrainConfig

CHANNELS, TRUNK_STRIDE = 256, 16
IN_MEMORY_BYTES = 1_500_000_000
ON_DISK_BYTES = 6_000_000_000
# Drawing a view and running the trunk takes about 15 ms a core; more views than this teach little on large sets.
MAX_VIEWS = 8_192
MIN_VIEWS = 2
REPORTS = 40
HalfArray = NDArray[np.float16]


class UnreadableSample(ValueError):  # noqa: N818 - names the thing, not the accident
    """A labeled image is missing or can't be decoded. A run never skips one in silence."""


@dataclass(frozen=True, slots=True)
class TrunkViews:
    """Trunk maps, float16, channels last: ``clean`` ``[n, h, w, 256]`` of the images as they are, ``augmented``
    ``[m, views, h, w, 256]`` of those in training, found by ``row``; ``small`` ``[n, 3, H/f, W/f]`` in [0, 1] is what
    the autoencoder sees."""

    clean: HalfArray
    augmented: HalfArray
    small: HalfArray
    row: NDArray[np.int64]

    @property
    def views(self) -> int:
        """How many augmented views each training image has."""
        return int(self.augmented.shape[1])

    def clean_batch(self, indices: Sequence[int], compute: Compute) -> Tensor:
        """Maps of the images as they are, float32 ``[N, 256, h, w]``."""
        return _to_device(self.clean[np.asarray(indices)], compute)

    def augmented_batch(self, indices: NDArray[np.int64], views: NDArray[np.int64], compute: Compute) -> Tensor:
        """Maps of one view of each image, float32 ``[N, 256, h, w]``."""
        return _to_device(self.augmented[self.row[indices], views], compute)

    def small_batch(self, indices: Sequence[int], compute: Compute) -> Tensor:
        """The autoencoder's images, float32 ``[N, 3, H/f, W/f]``."""
        return torch.from_numpy(self.small[np.asarray(indices)]).to(compute.device).float()


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
    height, width = config.height // TRUNK_STRIDE, config.width // TRUNK_STRIDE
    views = view_count(len(augmented), height * width * CHANNELS * 2, config.views)
    factor = pool_factor(config.height, config.width)
    bank = TrunkViews(
        clean=_array((len(samples), height, width, CHANNELS)),
        augmented=_array((len(augmented), views, height, width, CHANNELS)),
        small=_array((len(samples), 3, config.height // factor, config.width // factor)),
        row=np.full(len(samples), -1, np.int64),
    )
    bank.row[sorted(augmented)] = np.arange(len(augmented))
    compute.place(trunk)
    every = -(-len(samples) // REPORTS)
    for index, sample in enumerate(samples):
        image = read_sample(sample, config)
        plain = eval_view(image).unsqueeze(0)
        bank.small[index] = shrink(plain, factor)[0].half().numpy()
        bank.clean[index] = _maps(trunk, plain, compute, half=False)[0]
        if bank.row[index] >= 0:
            seeds = (derive_seed(config.seed, "view", sample.sha256, view) for view in range(views))
            batch = torch.stack([train_view(image, seed) for seed in seeds])
            bank.augmented[bank.row[index]] = _maps(trunk, batch, compute, half=True)
        if index % every == 0 or index + 1 == len(samples):
            stage.report((index + 1) / len(samples), f"image {index + 1} of {len(samples)}")
    return bank


def view_count(images: int, bytes_each: int, wanted: int) -> int:
    """How many views each of so many images gets: as many as wanted, fewer where time or disk would run away."""
    affordable = min(MAX_VIEWS // max(1, images), ON_DISK_BYTES // max(1, images * bytes_each))
    return max(min(wanted, MIN_VIEWS), min(wanted, affordable))


def read_sample(sample: Sample, config: TrainConfig) -> Tensor:
    """The image at the network's size, uint8 ``[3, H, W]``. Raises UnreadableSample, which names it."""
    try:
        pixels = decode(sample.path, roi=sample.roi, size=(config.height, config.width))
    except (OSError, ImageError) as error:
        raise UnreadableSample(f"{sample.name} ({sample.path}) can't be used for training: {error}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def batches(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Consecutive slices of at most ``size``."""
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _maps(trunk: Trunk, rgb: Tensor, compute: Compute, *, half: bool) -> HalfArray:
    with torch.inference_mode(), torch.autocast(compute.device.type, torch.bfloat16, enabled=half and compute.half):
        maps = trunk(rgb.to(compute.device, memory_format=torch.channels_last))
    array: HalfArray = maps.permute(0, 2, 3, 1).half().cpu().numpy()
    return array


def _array(shape: tuple[int, ...]) -> HalfArray:
    size = int(np.prod(shape)) * 2
    if size <= IN_MEMORY_BYTES:
        return np.zeros(shape, np.float16)
    # The file has no name from here on: it goes with the process, however that ends.
    with tempfile.TemporaryFile(prefix="second-look-views-") as file:
        return np.memmap(file, np.float16, "w+", shape=shape)


def _to_device(maps: HalfArray, compute: Compute) -> Tensor:
    return torch.from_numpy(maps).permute(0, 3, 1, 2).to(compute.device).float()
