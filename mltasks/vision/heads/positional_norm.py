"""What is usual at each place: at an edge good parts differ more from one another than in the middle of a plain face.

A distance counts by how far it lies above what good parts have at that place, in deviations (a Gaussian at each
position, as in PaDiM, Defard et al., ICPR Workshops 2021, here of distances instead of features). Stations show parts
in one pose; where they don't, all places come out alike and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

# Cells
SMOOTHING_SIGMA = 1.0
# As many parts' worth of what is usual everywhere: few parts say little about one place.
PRIOR_PARTS = 10
MIN_DEVIATION = 1e-4


class PositionalNorm(NamedTuple):
    """Mean and deviation of good parts' distances at each place, ``[h, w]`` each."""

    mean: Tensor
    deviation: Tensor

    def zscore(self, distances: Tensor) -> Tensor:
        """Distances ``[N, h, w]`` in deviations above the mean, through a softplus: never below 0, 0.7 for what is
        usual, the deviations themselves for what is odd."""
        return F.softplus((distances - self.mean) / self.deviation)


def fit_positional_norm(distances: Sequence[Tensor]) -> PositionalNorm:
    """From good parts' distances ``[h, w]``, of each to parts other than itself; shrunk towards what all places have in
    common (empirical Bayes; Efron and Morris, JASA 70, 1975), and smoothed."""
    found = torch.stack(list(distances)).double().cpu().numpy()
    count = len(found)
    means = (count * gaussian_filter(found.mean(0), SMOOTHING_SIGMA) + PRIOR_PARTS * found.mean()) / (
        count + PRIOR_PARTS
    )
    variances = (count * gaussian_filter(found.var(0), SMOOTHING_SIGMA) + PRIOR_PARTS * found.var()) / (
        count + PRIOR_PARTS
    )
    deviations = np.maximum(np.sqrt(variances), MIN_DEVIATION)
    return PositionalNorm(torch.from_numpy(means).float(), torch.from_numpy(deviations).float())
