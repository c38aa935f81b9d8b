"""Training of the pixel autoencoder on good parts, and its errors on any image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from mltasks.vision.data.augmentation import random_flip
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine, set_learning_rate
from mltasks.vision.training.feature_bank import EVALUATION_BATCH, TrainingData, batches
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import TrainConfig

# A small set is drawn several times per epoch: 16 epochs of 13 parts would be only 16 steps.
MIN_DRAWS = 128
# A large set needs fewer epochs, as long as it gets more steps than a set of tens of parts (2,048 draws).
MAX_DRAWS = 4_096


@dataclass(frozen=True, slots=True)
class ReconstructionError:
    """Mean squared error of one image, and that of its worst cell."""

    mean: float
    worst_cell: float


def train_pixel_autoencoder(data: TrainingData, good: Sequence[int], seed: int, stage: Stage) -> PixelAutoencoder:
    """Train on the good parts' indices with random flips, for ``epoch_count`` epochs.

    The learning rate falls along a cosine, so training converges without a validation set. Returns the network in eval
    mode; the same arguments give the same weights."""
    config = data.config
    torch.manual_seed(derive_seed(seed, "autoencoder"))
    generator = np.random.default_rng(derive_seed(seed, "autoencoder draws"))
    network = PixelAutoencoder()
    data.compute.move_module(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.autoencoder_learning_rate, fused=True)
    epochs = epoch_count(len(good), config)
    for number in range(epochs):
        set_learning_rate(optimizer, config.autoencoder_learning_rate * half_cosine(number / epochs, 1))
        draws = _sample_epoch(good, config, generator)
        _train_epoch(network, data, draws, optimizer, generator)
        stage.report((number + 1) / epochs, "training the pixel autoencoder")
    return network.eval()


def epoch_count(good: int, config: TrainConfig) -> int:
    """Return the number of epochs for ``good`` good parts; a large set gets fewer."""
    return max(1, min(config.autoencoder_epochs, MAX_DRAWS // min(max(good, MIN_DRAWS), config.draws_cap)))


def reconstruction_errors(
    network: PixelAutoencoder, data: TrainingData, indices: Sequence[int]
) -> list[ReconstructionError]:
    """Return the reconstruction errors of the original images, computed in 32 bits."""
    network.eval()
    found: list[ReconstructionError] = []
    with torch.inference_mode():
        for batch in batches(indices, EVALUATION_BATCH):
            means, cells = network.errors(data.bank.autoencoder_batch(batch, data.compute))
            worst = cells.flatten(1).amax(dim=1)
            found += [ReconstructionError(*pair) for pair in zip(means.tolist(), worst.tolist(), strict=True)]
    return found


def _sample_epoch(good: Sequence[int], config: TrainConfig, generator: np.random.Generator) -> NDArray[np.int64]:
    indices = np.asarray(good)
    if len(indices) >= MIN_DRAWS:
        return generator.permutation(indices)[: config.draws_cap]
    rounds = -(-MIN_DRAWS // len(indices))
    return np.concatenate([generator.permutation(indices) for _ in range(rounds)])[:MIN_DRAWS]


def _train_epoch(
    network: PixelAutoencoder,
    data: TrainingData,
    draws: NDArray[np.int64],
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> None:
    network.train()
    config, compute = data.config, data.compute
    for start in range(0, len(draws), config.batch_size):
        rgb = data.bank.autoencoder_batch(list(draws[start : start + config.batch_size]), compute)
        rgb = random_flip(rgb, generator)
        with compute.autocast():
            drawn = network(rgb)
        loss = F.mse_loss(drawn.float(), rgb)
        gradient_step(optimizer, loss)
