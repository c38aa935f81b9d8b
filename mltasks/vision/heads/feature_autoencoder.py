"""Feature autoencoder: novelty as the reconstruction error of the trunk's features.

Deep feature reconstruction (Shi, Yang and Qi, "Unsupervised anomaly segmentation via deep feature reconstruction",
Neurocomputing 424, 2021). The network acts like 1 × 1 convolutions: each position is reconstructed from itself alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.heads.classifier import Head
from mltasks.vision.networks.calibration_images import channel_statistics
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine, set_learning_rate
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, backbone_patches, box_smooth, top_mean

CODE_SIZE, HIDDEN_SIZE = 48, 160
STEPS, BATCH_SIZE, LEARNING_RATE = 250, 1024, 2e-3
TOP_SHARE = 0.01


class FeatureAutoencoder(Head):
    """Reconstruction errors of standardized patches: score ``[N]`` and cells ``[N, h, w]``."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffers(mean=mean, deviation=deviation)
        width = len(mean)
        self.layers = nn.Sequential(
            nn.Linear(width, HIDDEN_SIZE), nn.GELU(), nn.Linear(HIDDEN_SIZE, CODE_SIZE),
            nn.Linear(CODE_SIZE, HIDDEN_SIZE), nn.GELU(),
            nn.Linear(HIDDEN_SIZE, width),
        )  # fmt: skip

    def errors(self, standard: Tensor) -> Tensor:
        """Return the mean squared errors of standardized patches ``[…, channels]``."""
        squared: Tensor = (self.layers(standard) - standard).square().mean(-1)
        return squared

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        x = (autoencoder_patches(features) - self.mean.view(1, -1, 1, 1)) / self.deviation.view(1, -1, 1, 1)
        cells = self.errors(x.permute(0, 2, 3, 1)).sqrt()
        return top_mean(cells, TOP_SHARE), cells


def autoencoder_patches(features: FeatureMaps) -> Tensor:
    """Return smoothed maps at strides 8 and 16 on the coarser grid, ``[N, channels, h, w]``.

    They are the auxiliary backbone's if there is one, else the backbone's."""
    if features.aux_maps is EMPTY:
        return backbone_patches(features)
    return torch.cat([box_smooth(F.avg_pool2d(features.fine, 2)), box_smooth(features.aux_maps)], 1)


def train_feature_autoencoder(rows: Tensor, seed: int) -> FeatureAutoencoder:
    """Train on good parts' patches ``[n, channels]``, one per row, on the device of the rows.

    The same rows and seed give the same weights."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    mean, deviation = channel_statistics(rows)
    standard = (rows - mean) / deviation
    network = FeatureAutoencoder(mean.cpu(), deviation.cpu()).to(rows.device)
    optimizer = torch.optim.AdamW(network.layers.parameters(), lr=LEARNING_RATE, weight_decay=1e-4, fused=True)
    for step in range(STEPS):
        set_learning_rate(optimizer, LEARNING_RATE * half_cosine(step, STEPS))
        drawn = torch.randint(len(standard), (min(BATCH_SIZE, len(standard)),), generator=generator)
        batch = standard.index_select(0, drawn.to(rows.device))
        loss = F.smooth_l1_loss(network.layers(batch), batch)
        gradient_step(optimizer, loss)
    return network.eval()
