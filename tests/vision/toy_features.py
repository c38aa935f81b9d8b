"""Feature banks of invented features, for tests of what learns from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.training.features.feature_bank import FeatureBank
from mltasks.vision.training.features.stored_features import StoredFeatures

# Features by field of ``FeatureMaps`` of images with these targets
DrawFeatures = Callable[[NDArray[np.int64]], dict[str, NDArray[np.floating]]]


def toy_bank(targets: NDArray[np.int64], draw: DrawFeatures, views: int = 0, grid: int = 8) -> FeatureBank:
    """Return a bank of images with these targets and ``views`` views each, without synthetic defects and places.

    ``grid`` is the number of cells of the coarser map along each side."""
    clean, augmented = (_stored(draw(of)) for of in (targets, np.repeat(targets, views)))
    return FeatureBank(
        clean=clean,
        augmented=augmented,
        synthetic=StoredFeatures({name: values[:0] for name, values in clean.arrays.items()}),
        synthetic_places=np.zeros((0, 2 * grid, 2 * grid), np.float16),
        synthetic_images=np.zeros(0, np.int64),
        places={},
        autoencoder_images=np.zeros((len(targets), 3, 1, 1), np.float16),
        first_view_row=np.arange(len(targets)),
        views=views,
    )


def _stored(features: dict[str, NDArray[np.floating]]) -> StoredFeatures:
    kinds = {name: np.float16 if values.ndim == 4 else np.float32 for name, values in features.items()}
    return StoredFeatures({name: values.astype(kinds[name]) for name, values in features.items()})
