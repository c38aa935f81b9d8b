"""Training of the pooled head on stored views, with a weighted loss and early stopping."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.heads.classifier import Head, PooledHead
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step
from mltasks.vision.networks.trunk import FeatureMaps
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import AUGMENTED_FIELDS, EVALUATION_BATCH, TrainingData, batches
from mltasks.vision.training.progress import Epoch, Stage

PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.5, 4


@dataclass(frozen=True, slots=True)
class FoldModels:
    """Classifier heads by name, with the training curve and the epoch that was kept."""

    heads: dict[str, Head]
    curve: list[Epoch]
    best_epoch: int


def train_pooled_head(
    layer4: nn.Module, data: TrainingData, train: Sequence[int], validation: Sequence[int], seed: int, stage: Stage
) -> FoldModels:
    """Train the head ``pooled`` on the indices in ``train`` and keep the weights of the best epoch.

    Training stops when the loss on ``validation`` has not improved for ``config.patience`` epochs. The same arguments
    give the same weights."""
    config = data.config
    torch.manual_seed(derive_seed(seed, "head"))
    generator = np.random.default_rng(derive_seed(seed, "draws"))
    head = PooledHead(layer4, config.dropout, data.bank.clean.arrays["layer4"].shape[1])
    data.compute.move_module(head)
    optimizer = torch.optim.Adam(head.parameters(), lr=config.learning_rate, fused=True)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE)
    curve: list[Epoch] = []
    best, best_state = 0, copy.deepcopy(head.state_dict())
    for number in range(1, config.max_epochs + 1):
        rate = float(optimizer.param_groups[0]["lr"])
        draws = sample_epoch(data, train, generator)
        train_loss = train_epoch(head, data, draws, optimizer, generator, partial(_loss, config=config))
        loss = validation_loss(head, data, validation)
        plateau.step(loss)
        curve.append(Epoch(number, train_loss, loss, rate))
        if number == 1 or loss < curve[best - 1].validation_loss:
            best, best_state = number, copy.deepcopy(head.state_dict())
        stage.report(number / config.max_epochs, f"epoch {number}", curve[-1].to_json())
        if number - best >= config.patience:
            break
    head.load_state_dict(best_state)
    return FoldModels({"pooled": head.eval()}, curve, best)


def sample_epoch(
    data: TrainingData, train: Sequence[int], generator: np.random.Generator, min_draws: int = 0
) -> NDArray[np.int64]:
    """Draw the indices of one epoch, both classes equally likely, in whole batches.

    The number is ``oversampling`` × the training set, at least ``min_draws`` and at most ``draws_cap``, rounded up to
    whole batches."""
    config, indices = data.config, np.asarray(train)
    counts = np.bincount(data.targets[indices], minlength=2)
    weights = 1.0 / counts[data.targets[indices]]
    count = min(max(config.oversampling * len(indices), min_draws), config.draws_cap)
    size = max(1, -(-count // config.batch_size)) * config.batch_size
    return generator.choice(indices, size=size, p=weights / weights.sum())


def train_epoch(
    head: Head,
    data: TrainingData,
    draws: NDArray[np.int64],
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    only: Collection[str] = AUGMENTED_FIELDS,
) -> float:
    """Train a head for one epoch on random views of the drawn images, and return the mean loss.

    ``loss_of`` takes logits and targets ``[N]``, both float32; ``only`` names the maps that the head uses."""
    head.train()
    bank, size, compute = data.bank, data.config.batch_size, data.compute
    views = bank.sample_views(len(draws), generator)
    total = 0.0
    for start in range(0, len(draws), size):
        part = slice(start, start + size)
        features = bank.augmented_batch(draws[part], views[part], compute, only)
        targets = torch.from_numpy(data.targets[draws[part]]).to(compute.device).float()
        with compute.autocast():
            logits, _ = head(features)
        loss = loss_of(logits.float(), targets)
        gradient_step(optimizer, loss)
        total += loss.item() * len(targets)
    return total / len(draws)


def validation_loss(head: PooledHead, data: TrainingData, indices: Sequence[int]) -> float:
    """Return the training loss on the original images."""
    with data.compute.autocast():
        logits, _ = score_head(head, data, indices)
    return float(_loss(torch.tensor(logits), torch.from_numpy(data.targets[np.asarray(indices)]), data.config))


def score_head(
    head: Head, data: TrainingData, indices: Sequence[int], fields: Collection[str] = FeatureMaps._fields
) -> tuple[list[float], list[float]]:
    """Return a head's scores and highest cells for the original images.

    Computed in the precision of the caller's autocast block (32 bits by default). ``fields`` names the maps that the
    head uses."""
    return score_heads({"": head}, data, indices, fields)[""]


def score_heads(
    heads: Mapping[str, Head], data: TrainingData, indices: Sequence[int], fields: Collection[str] = FeatureMaps._fields
) -> dict[str, tuple[list[float], list[float]]]:
    """Return the scores and highest cells of several heads by name.

    The features of the images are fetched once for all heads."""
    results: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in heads}
    with torch.inference_mode():
        for batch in batches(indices, EVALUATION_BATCH):
            features = data.bank.clean_batch(batch, data.compute, fields)
            for name, head in heads.items():
                scores, cells = head.eval()(features)
                results[name][0].extend(scores.float().tolist())
                results[name][1].extend(cells.float().flatten(1).amax(1).tolist())
    return results


def _loss(logits: Tensor, targets: Tensor, config: TrainConfig) -> Tensor:
    weight = torch.tensor(config.costs.fn / config.costs.fp, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), pos_weight=weight)
