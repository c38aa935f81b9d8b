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

from mltasks.vision.benchmarks.pooled_network import PooledNetwork
from mltasks.vision.benchmarks.training.split import Split
from mltasks.vision.benchmarks.training.watch import Elapsed, Stopwatch
from mltasks.vision.data.augmentation import eval_view, random_flip, train_view
from mltasks.vision.data.splits import inner_split
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder, average_pool, pool_factor
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step
from mltasks.vision.networks.trunk import LAYER4_CHANNELS
from mltasks.vision.training.feature_bank import batches, read_sample
from mltasks.vision.types import GOOD, Sample, TrainConfig

SIDE = 224
# Epochs of the autoencoder, independent of ours
AUTOENCODER_EPOCHS, AUTOENCODER_LEARNING_RATE = 40, 1e-3
Floats = NDArray[np.float64]


class BaselineNetwork(PooledNetwork):
    """Pooled network that trains its last stage and its linear layer, with dropout between them."""

    def __init__(self, backbone: nn.Module, dropout: float) -> None:
        super().__init__(
            backbone.requires_grad_(False), nn.Sequential(nn.Dropout(dropout), nn.Linear(LAYER4_CHANNELS, 1))
        )
        self.last = backbone.get_submodule("layer4").requires_grad_(True)

    def set_train_mode(self) -> None:
        """Set train mode for trained layers, eval mode for frozen layers."""
        self.eval()
        self.last.train()
        self.linear.train()

    def forward(self, rgb: Tensor) -> Tensor:
        return self.logits(rgb)


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
        losses = [one.validation_loss for one in self.epochs]
        return losses.index(min(losses))


def run_baseline(split: Split, config: TrainConfig, compute: Compute) -> Iterator[BaselineRun]:
    """Yield the run after each epoch, and last with the autoencoder; scoring is not timed."""
    config = replace(config, height=SIDE, width=SIDE, keep_shape=False)
    epochs: list[BaselineEpoch] = []
    for one in _classify(split, config, compute):
        epochs.append(one)
        yield BaselineRun(epochs)
    yield BaselineRun(
        epochs, _train_autoencoder([one for one in split.train if one.target == GOOD], split.seed, config, compute)
    )


def _classify(split: Split, config: TrainConfig, compute: Compute) -> Iterator[BaselineEpoch]:
    watch, generator = Stopwatch(), np.random.default_rng(derive_seed(split.seed, "seed's loop"))
    with watch.measure():
        torch.manual_seed(derive_seed(split.seed, "seed's network"))
        network = BaselineNetwork(load_backbone(config.backbone, config.backbone_weights)[0], config.dropout)
        network.to(compute.device)
        train, held = inner_split(split.train, split.seed)
        learning = [one for one in network.parameters() if one.requires_grad]
        optimizer = torch.optim.Adam(learning, lr=config.learning_rate)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=4)
    losses: list[float] = []
    for _ in range(config.max_epochs):
        with watch.measure():
            _epoch(network, [split.train[index] for index in train], optimizer, generator, config, compute)
            losses.append(_loss_on(network, [split.train[index] for index in held], config, compute))
            plateau.step(losses[-1])
        yield BaselineEpoch(watch.elapsed, _scores(network, split.test, config, compute), losses[-1])
        if len(losses) - 1 - losses.index(min(losses)) >= config.patience:
            return


def _epoch(
    network: BaselineNetwork,
    train: Sequence[Sample],
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
    config: TrainConfig,
    compute: Compute,
) -> None:
    network.set_train_mode()
    targets = np.array([one.target for one in train])
    weights = 1 / np.bincount(targets, minlength=2)[targets]
    count = min(config.oversampling * len(train), config.draws_cap)
    drawn = generator.choice(len(train), count, p=weights / weights.sum())
    for batch in batches(drawn.tolist(), config.batch_size):
        images = [train_view(read_sample(train[index], config), int(generator.integers(2**53))) for index in batch]
        loss = _loss(network(torch.stack(images).to(compute.device)), targets[list(batch)], config)
        gradient_step(optimizer, loss)


def _loss_on(network: BaselineNetwork, samples: Sequence[Sample], config: TrainConfig, compute: Compute) -> float:
    scores = torch.from_numpy(_scores(network, samples, config, compute))
    return float(_loss(scores, np.array([one.target for one in samples]), config))


def _scores(network: BaselineNetwork, samples: Sequence[Sample], config: TrainConfig, compute: Compute) -> Floats:
    network.eval()
    found: list[float] = []
    with torch.inference_mode():
        for batch in batches(range(len(samples)), config.batch_size):
            images = [eval_view(read_sample(samples[index], config)) for index in batch]
            found += network(torch.stack(images).to(compute.device)).tolist()
    return np.array(found)


def _loss(logits: Tensor, targets: NDArray[np.int64], config: TrainConfig) -> Tensor:
    weight = torch.tensor(config.costs.fn / config.costs.fp, device=logits.device)
    wanted = torch.from_numpy(targets).to(logits)
    return F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weight)


def _train_autoencoder(good: Sequence[Sample], seed: int, config: TrainConfig, compute: Compute) -> Elapsed:
    watch, generator = Stopwatch(), np.random.default_rng(derive_seed(seed, "seed's autoencoder"))
    with watch.measure():
        network = PixelAutoencoder().to(compute.device).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=AUTOENCODER_LEARNING_RATE)
        for _ in range(min(AUTOENCODER_EPOCHS, config.max_epochs)):
            for batch in batches(generator.permutation(len(good)).tolist(), config.batch_size):
                images = torch.stack([eval_view(read_sample(good[index], config)) for index in batch])
                rgb = random_flip(average_pool(images, pool_factor(SIDE, SIDE)), generator).to(compute.device)
                loss = F.mse_loss(network(rgb), rgb)
                gradient_step(optimizer, loss)
    return watch.elapsed
