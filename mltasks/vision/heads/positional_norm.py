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
SMOOTH = 1.0
# As many parts' worth of what is usual everywhere: few parts say little about one place.
PRIOR = 10
SMALLEST = 1e-4


class Usual(NamedTuple):
    """Mean and deviation of good parts' distances at each place, ``[h, w]`` each."""

    mean: Tensor
    deviation: Tensor

    def above(self, distances: Tensor) -> Tensor:
        """Distances ``[N, h, w]`` in deviations above the mean, through a softplus: never below 0, 0.7 for what is
        usual, the deviations themselves for what is odd."""
        return F.softplus((distances - self.mean) / self.deviation)


def usual_of(distances: Sequence[Tensor]) -> Usual:
    """From good parts' distances ``[h, w]``, of each to parts other than itself; shrunk towards what all places have in
    common (empirical Bayes; Efron and Morris, JASA 70, 1975), and smoothed."""
    found = torch.stack(list(distances)).double().cpu().numpy()
    count = len(found)
    means = (count * gaussian_filter(found.mean(0), SMOOTH) + PRIOR * found.mean()) / (count + PRIOR)
    variances = (count * gaussian_filter(found.var(0), SMOOTH) + PRIOR * found.var()) / (count + PRIOR)
    deviations = np.maximum(np.sqrt(variances), SMALLEST)
    return Usual(torch.from_numpy(means).float(), torch.from_numpy(deviations).float())
