"""Stored features of many images, in memory or in an unnamed file on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from mltasks.vision.networks.compute import MAP_DIMENSIONS, Compute
from mltasks.vision.networks.feature_networks.auxiliary_network import auxiliary_channels
from mltasks.vision.networks.feature_networks.network_registry import network_channels
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps
from mltasks.vision.train_config import TrainConfig

MAX_MEMORY_BYTES = 1_500_000_000
HALF_BYTES = 2
# Pixels of the input per cell at strides 8, 16 and 32
CELL_AREAS = (64, 256, 1024)
HalfArray = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """Features of images by field of ``FeatureMaps``: maps in float16, statistics in float32."""

    arrays: dict[str, NDArray[Any]]

    @classmethod
    def allocate(cls, count: int, example: FeatureMaps, fields: Collection[str] = FeatureMaps._fields) -> Self:
        """Allocate the named fields for ``count`` images like the ``example`` of one image; empty fields stay out."""
        return cls(
            {
                name: allocate_array((count, *values.shape[1:]), half=values.ndim == MAP_DIMENSIONS)
                for name, values in example._asdict().items()
                if name in fields and values is not EMPTY
            }
        )

    def store(self, at: slice, features: FeatureMaps) -> None:
        """Store the features of consecutive images."""
        for name, stored in self.arrays.items():
            values = getattr(features, name)
            stored[at] = (values.half() if stored.dtype == np.float16 else values.float()).cpu().numpy()

    def fetch(self, rows: NDArray[np.int64], compute: Compute, fields: Collection[str]) -> FeatureMaps:
        """Return the features of these rows as float32; unrequested or missing fields are empty."""
        return FeatureMaps(
            *(
                compute.to_device(torch.from_numpy(self.arrays[name][rows]))
                if name in fields and name in self.arrays
                else EMPTY
                for name in FeatureMaps._fields
            )
        )


def bytes_per_pixel(config: TrainConfig) -> float:
    """Return the bytes of one view's stored maps per pixel of the input, for networks that ``check_config`` accepts."""
    own = _map_bytes(network_channels(config.backbone))
    if not config.companion:
        return sum(own)
    # The finest map is the auxiliary backbone's, whose coarsest map is not stored.
    return config.backbone_scale**2 * sum(own[1:]) + sum(_map_bytes(auxiliary_channels(config.companion))[:2])


def _map_bytes(channels: Sequence[int]) -> list[float]:
    return [HALF_BYTES * count / area for count, area in zip(channels, CELL_AREAS, strict=True)]


def allocate_array(shape: tuple[int, ...], *, half: bool = True) -> NDArray[Any]:
    """Return zeros of float16 or float32; a large array lies in a file that the system deletes with the process."""
    kind = np.float16 if half else np.float32
    if int(np.prod(shape)) * np.dtype(kind).itemsize <= MAX_MEMORY_BYTES:
        return np.zeros(shape, kind)
    with tempfile.TemporaryFile(prefix="second-look-views-") as file:
        return np.memmap(file, kind, "w+", shape=shape)
