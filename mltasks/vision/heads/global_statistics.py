"""Global statistics detector: Mahalanobis distance of whole-map statistics to good parts.

The covariance is that of probabilistic principal components (Tipping and Bishop, JRSS B 61, 1999). It is full in the
directions in which good parts differ most and equal in all others, so twenty parts suffice for thousands of statistics.
The distance of deep features follows Rippel et al., "Modeling the Distribution of Normal Data in Pre-Trained Deep
Features for Anomaly Detection", ICPR 2020."""

from __future__ import annotations

import torch
from torch import Tensor

from mltasks.vision.heads.classifier import Head
from mltasks.vision.networks.calibration_images import MIN_DEVIATION
from mltasks.vision.networks.trunk import FeatureMaps

COMPONENTS = 64
MIN_VARIANCE = 1e-6


class GlobalStatisticsDetector(Head):
    """Distance per statistic: score ``[N]``; its only cell is the whole part.

    ``source`` names the field of ``FeatureMaps``. ``directions`` are ``[d, q]``, ``variances`` ``[q]``, and ``rest`` is
    the variance of every other direction."""

    mean: Tensor
    deviation: Tensor
    directions: Tensor
    variances: Tensor
    rest: Tensor

    def __init__(
        self, mean: Tensor, deviation: Tensor, directions: Tensor, variances: Tensor, rest: Tensor, *, source: str
    ) -> None:
        super().__init__()
        self.source = source
        self.register_buffers(mean=mean, deviation=deviation, directions=directions, variances=variances, rest=rest)

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        x = (getattr(features, self.source) - self.mean) / self.deviation
        along = x @ self.directions
        across = (x.square().sum(1) - along.square().sum(1)).clamp_min(0)
        squared = (along.square() / self.variances).sum(1) + across / self.rest
        score = (squared / x.shape[1]).sqrt()
        return score, score.view(-1, 1, 1)


def fit_global_statistics(rows: Tensor, source: str) -> GlobalStatisticsDetector:
    """Fit to good parts' statistics ``[n, d]``, one part per row.

    The same rows give the same distances."""
    rows = rows.double()
    mean, deviation = rows.mean(0), rows.std(0, unbiased=False).clamp_min(MIN_DEVIATION)
    x = (rows - mean) / deviation
    # At most a quarter of the parts: with few parts, the last directions are random.
    count = max(1, min(COMPONENTS, len(x) // 4))
    _, values, directions = torch.linalg.svd(x, full_matrices=False)
    variances = values.square() / len(x)
    rest = (variances[count:].sum() / max(1, x.shape[1] - count)).clamp_min(MIN_VARIANCE)
    fitted = (mean, deviation, directions[:count].T, variances[:count] + rest, rest)
    return GlobalStatisticsDetector(*(tensor.float().contiguous() for tensor in fitted), source=source).eval()
