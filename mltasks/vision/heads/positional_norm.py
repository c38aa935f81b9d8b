"""Positional norm: z-scores of distances relative to good parts at the same position.

At an edge, good parts differ more from each other than on a plain face. A Gaussian is fitted at each position, as in
PaDiM (Defard et al., ICPR Workshops 2021), but to distances instead of features. Stations show parts in one pose; with
varying poses all positions get similar norms and no accuracy is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.networks.calibration_images import MIN_DEVIATION

# Cells
SMOOTHING_SIGMA = 1.0
# Weight of the norm common to all positions, in parts: few parts say little about one position.
PRIOR_PARTS = 10


class PositionalNorm(NamedTuple):
    """Mean and deviation of good parts' distances at each position, ``[h, w]`` each."""

    mean: Tensor
    deviation: Tensor

    def zscore(self, distances: Tensor) -> Tensor:
        """Return the softplus of the z-scores of distances ``[N, h, w]``.

        Never below 0, 0.7 at the mean, and close to the z-score far above the mean."""
        return F.softplus((distances - self.mean) / self.deviation)


def fit_positional_norm(distances: Sequence[Tensor]) -> PositionalNorm:
    """Fit the norm to good parts' distances ``[h, w]``, each to other parts than itself.

    The estimates are smoothed and shrunk toward the common value of all positions (empirical Bayes; Efron and Morris,
    JASA 70, 1975)."""
    stacked = torch.stack(list(distances)).double().cpu().numpy()
    count = len(stacked)

    def shrink(local: NDArray[np.float64], common: float) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = gaussian_filter(local, SMOOTHING_SIGMA)
        return (count * smooth + PRIOR_PARTS * common) / (count + PRIOR_PARTS)

    means = shrink(stacked.mean(0), stacked.mean())
    deviations = np.maximum(np.sqrt(shrink(stacked.var(0), stacked.var())), MIN_DEVIATION)
    return PositionalNorm(torch.from_numpy(means).float(), torch.from_numpy(deviations).float())
