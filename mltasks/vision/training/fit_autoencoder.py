"""Training of the pixel autoencoder on good parts, and its errors on any image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from mltasks.vision.data.augmentation import random_flip
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine, set_learning_rate
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import EVALUATION_BATCH, TrainingData, batches
from mltasks.vision.training.progress import Stage

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
        network.train()
        for batch in batches(_sample_epoch(good, config, generator), config.batch_size):
            rgb = random_flip(data.bank.autoencoder_batch(batch, data.compute), generator)
            with data.compute.autocast():
                reconstruction = network(rgb)
            gradient_step(optimizer, F.mse_loss(reconstruction.float(), rgb))
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
    errors: list[ReconstructionError] = []
    with torch.inference_mode():
        for batch in batches(indices, EVALUATION_BATCH):
            means, cells = network.errors(data.bank.autoencoder_batch(batch, data.compute))
            worst = cells.flatten(1).amax(dim=1)
            errors += [ReconstructionError(*pair) for pair in zip(means.tolist(), worst.tolist(), strict=True)]
    return errors


def _sample_epoch(good: Sequence[int], config: TrainConfig, generator: np.random.Generator) -> list[int]:
    indices = np.asarray(good)
    if len(indices) >= MIN_DRAWS:
        return list(generator.permutation(indices)[: config.draws_cap])
    repeats = -(-MIN_DRAWS // len(indices))
    return list(np.concatenate([generator.permutation(indices) for _ in range(repeats)])[:MIN_DRAWS])
