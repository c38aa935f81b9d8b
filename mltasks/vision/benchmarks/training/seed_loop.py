"""Baseline: the loop that the project grew from, ResNet18 fine-tuned in eager torch.

Each epoch decodes and augments each drawn image again and runs it through the whole network. Images are squashed to
224 × 224; global average pooling; all layers before the last stage are frozen. Defects are drawn as often as good
parts and their loss is weighted by the costs. A fifth of the parts serves early stopping. A pixel autoencoder is
trained as well.

Needless slowness of the original is not copied. Images are decoded at reduced scale and augmented by our code, and
frozen batch norm keeps its statistics. The autoencoder's network is ours, and no loader processes compete for the
cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.benchmarks.reference_networks import PooledNetwork
from mltasks.vision.benchmarks.training.split import Split, sample_targets
from mltasks.vision.benchmarks.training.watch import Elapsed, Stopwatch
from mltasks.vision.data.augmentation import eval_view, random_flip, train_view
from mltasks.vision.data.splits import inner_split
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder, pool_factor
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.trunk import LAYER4_CHANNELS
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import batches, read_sample
from mltasks.vision.types import GOOD, Sample

SIDE = 224
# Epochs of the autoencoder, independent of ours
AUTOENCODER_EPOCHS, AUTOENCODER_LEARNING_RATE = 40, 1e-3
Floats = NDArray[np.float64]


class BaselineNetwork(PooledNetwork):
    """Pooled network that trains its last stage and its linear layer, with dropout between them."""

    def __init__(self, config: TrainConfig, compute: Compute) -> None:
        backbone = load_backbone(config.backbone, config.backbone_weights)[0].requires_grad_(False)
        super().__init__(backbone, nn.Sequential(nn.Dropout(config.dropout), nn.Linear(LAYER4_CHANNELS, 1)))
        self.last = backbone.get_submodule("layer4").requires_grad_(True)
        self.config, self.device = config, compute.device
        self.to(self.device)

    def train_epoch(
        self, samples: Sequence[Sample], optimizer: torch.optim.Optimizer, generator: np.random.Generator
    ) -> None:
        """Train on as many good as defective images, augmented; frozen layers stay in eval mode."""
        self.eval()
        self.last.train()
        self.linear.train()
        targets = sample_targets(samples)
        weights = 1 / np.bincount(targets, minlength=2)[targets]
        count = min(self.config.oversampling * len(samples), self.config.draws_cap)
        drawn = generator.choice(len(samples), count, p=weights / weights.sum())
        for batch in batches(drawn.tolist(), self.config.batch_size):
            images = [
                train_view(read_sample(samples[index], self.config), int(generator.integers(2**53))) for index in batch
            ]
            logits = self.logits(torch.stack(images).to(self.device))
            gradient_step(optimizer, self.loss(logits, targets[list(batch)]))

    def scores(self, samples: Sequence[Sample]) -> Floats:
        """Return the logits of the samples, ``[n]``."""
        self.eval()
        scores: list[float] = []
        with torch.inference_mode():
            for batch in batches(range(len(samples)), self.config.batch_size):
                images = [eval_view(read_sample(samples[index], self.config)) for index in batch]
                scores += self.logits(torch.stack(images).to(self.device)).tolist()
        return np.array(scores)

    def loss(self, logits: Tensor, targets: NDArray[np.int64]) -> Tensor:
        """Return the binary cross entropy, defects weighted by the costs."""
        weight = torch.tensor(self.config.costs.fn / self.config.costs.fp, device=logits.device)
        return F.binary_cross_entropy_with_logits(logits, torch.from_numpy(targets).to(logits), pos_weight=weight)


@dataclass(frozen=True, slots=True)
class BaselineEpoch:
    """State after an epoch: elapsed time, scores of the test parts, and validation loss."""

    elapsed: Elapsed
    scores: Floats
    validation_loss: float


@dataclass(frozen=True, slots=True)
class BaselineRun:
    """All epochs, and the elapsed time of the autoencoder."""

    epochs: list[BaselineEpoch] = field(default_factory=list)
    autoencoder: Elapsed = field(default_factory=Elapsed)

    @property
    def best_epoch(self) -> int:
        """Return the index from 0 of the epoch with the lowest validation loss; this epoch is kept."""
        losses = [epoch.validation_loss for epoch in self.epochs]
        return losses.index(min(losses))


def run_baseline(split: Split, config: TrainConfig, compute: Compute) -> Iterator[BaselineRun]:
    """Yield the run after each epoch, and last with the autoencoder; scoring is not timed."""
    config = replace(config, height=SIDE, width=SIDE, keep_shape=False)
    epochs: list[BaselineEpoch] = []
    for epoch in _classify(split, config, compute):
        epochs.append(epoch)
        yield BaselineRun(epochs)
    good = [sample for sample in split.train if sample.target == GOOD]
    yield BaselineRun(epochs, _train_autoencoder(good, split.seed, config, compute))


def _classify(split: Split, config: TrainConfig, compute: Compute) -> Iterator[BaselineEpoch]:
    watch, generator = Stopwatch(), np.random.default_rng(derive_seed(split.seed, "seed's loop"))
    with watch.measure():
        torch.manual_seed(derive_seed(split.seed, "seed's network"))
        network = BaselineNetwork(config, compute)
        train, held_out = ([split.train[index] for index in side] for side in inner_split(split.train, split.seed))
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=config.learning_rate)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=4)
    losses: list[float] = []
    for _ in range(config.max_epochs):
        with watch.measure():
            network.train_epoch(train, optimizer, generator)
            scores = torch.from_numpy(network.scores(held_out))
            losses.append(float(network.loss(scores, sample_targets(held_out))))
            plateau.step(losses[-1])
        yield BaselineEpoch(watch.elapsed, network.scores(split.test), losses[-1])
        if len(losses) - 1 - losses.index(min(losses)) >= config.patience:
            return


def _train_autoencoder(good: Sequence[Sample], seed: int, config: TrainConfig, compute: Compute) -> Elapsed:
    watch, generator = Stopwatch(), np.random.default_rng(derive_seed(seed, "seed's autoencoder"))
    with watch.measure():
        network = PixelAutoencoder().to(compute.device).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=AUTOENCODER_LEARNING_RATE)
        for _ in range(min(AUTOENCODER_EPOCHS, config.max_epochs)):
            for batch in batches(generator.permutation(len(good)).tolist(), config.batch_size):
                images = torch.stack([eval_view(read_sample(good[index], config)) for index in batch])
                rgb = random_flip(average_pixels(images, pool_factor(SIDE, SIDE)), generator).to(compute.device)
                gradient_step(optimizer, F.mse_loss(network(rgb), rgb))
    return watch.elapsed
