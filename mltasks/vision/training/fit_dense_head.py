"""Training of the heads on the frozen trunk: the dense heads and the statistics heads.

Neither uses early stopping: with tens of labels, a validation set of six parts would stop at a random epoch. The dense
heads' learning rate falls along a cosine, and the linear statistics head has a single optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.heads.classifier import StatisticsHead, TopKHead
from mltasks.vision.networks.compact_features import MIN_DEVIATION
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import half_cosine, set_learning_rate
from mltasks.vision.training.feature_bank import TrainingData
from mltasks.vision.training.fit_pooled_head import sample_epoch, score_head, train_epoch
from mltasks.vision.training.progress import Epoch, Stage

DROPOUT, WEIGHT_DECAY, LABEL_SMOOTHING = 0.3, 0.05, 0.05
# Inverse ridge strength for 2688 standardized statistics; small, because there are often fewer parts than statistics.
RIDGE = 0.01
# Number of images, at most doubled, for the channel means and deviations and for the held-out loss of each epoch
SUBSAMPLE_IMAGES = 200
HeadT = TypeVar("HeadT", bound=TopKHead)


def train_dense(
    build_head: Callable[[float], HeadT],
    data: TrainingData,
    train: Sequence[int],
    held_out: Sequence[int],
    seed: int,
    stage: Stage,
) -> tuple[HeadT, list[Epoch]]:
    """Train a head on the indices in ``train``, both classes equally often.

    The loss on a subsample of ``held_out`` (of ``train`` if it is empty) is only recorded. The same arguments give the
    same weights."""
    config = data.config
    torch.manual_seed(derive_seed(seed, "dense"))
    generator = np.random.default_rng(derive_seed(seed, "dense draws"))
    head = build_head(DROPOUT)
    _fit_standardizers(head, data, train)
    data.compute.move_module(head)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=config.dense_learning_rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    watched = _subsample(held_out or train)
    curve: list[Epoch] = []
    for number in range(1, config.dense_epochs + 1):
        rate = config.dense_learning_rate * half_cosine(number - 1, config.dense_epochs)
        set_learning_rate(optimizer, rate)
        draws = sample_epoch(data, train, generator)
        trained = train_epoch(head, data, draws, optimizer, generator, smoothed_loss, head.standardizers())
        curve.append(Epoch(number, trained, _loss_on(head, data, watched), rate))
        stage.report(number / config.dense_epochs, f"epoch {number}", curve[-1].to_json())
    return head.eval(), curve


def fit_statistics_head(data: TrainingData, train: Sequence[int], source: str = "statistics") -> StatisticsHead:
    """Fit a ridge-penalized logistic regression to statistics of the images and their views.

    ``source`` names the statistics: ``statistics`` or ``aux_statistics``."""
    bank, indices = data.bank, np.asarray(train)
    clean, augmented = getattr(bank.clean, source)[indices], getattr(bank.augmented, source)
    views = [augmented[bank.first_view_row[indices] * bank.views + view] for view in range(bank.views)]
    rows = np.concatenate([clean, *views]).astype(np.float64)
    targets = np.tile(data.targets[indices], 1 + bank.views)
    mean, deviation = rows.mean(0), np.maximum(rows.std(0), MIN_DEVIATION)
    # Divided by the rows per image, so that the number of views does not change the penalty.
    model = LogisticRegression(C=RIDGE / (1 + bank.views), class_weight="balanced", max_iter=1000)
    model.fit((rows - mean) / deviation, targets)
    parts = (mean, deviation, model.coef_[0], model.intercept_[0])
    head = StatisticsHead(*(torch.tensor(part, dtype=torch.float32) for part in parts), source=source)
    return head.to(data.compute.device).eval()


def smoothed_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the binary cross entropy of logits ``[N]`` and smoothed 0/1 targets, in 32 bits."""
    return F.binary_cross_entropy_with_logits(logits.float(), targets * (1 - 2 * LABEL_SMOOTHING) + LABEL_SMOOTHING)


def _fit_standardizers(head: TopKHead, data: TrainingData, train: Sequence[int]) -> None:
    """Set the head's channel means and deviations from the training images; they stay fixed."""
    features = data.bank.clean_batch(_subsample(train), data.compute, head.standardizers())
    for name, norm in head.standardizers().items():
        maps = getattr(features, name)
        norm.mean.copy_(maps.mean(dim=(0, 2, 3)).view(1, -1, 1, 1))
        norm.deviation.copy_(maps.std(dim=(0, 2, 3)).clamp_min(MIN_DEVIATION).view(1, -1, 1, 1))


def _subsample(indices: Sequence[int]) -> list[int]:
    return list(indices)[:: max(1, len(indices) // SUBSAMPLE_IMAGES)]


def _loss_on(head: TopKHead, data: TrainingData, indices: Sequence[int]) -> float:
    logits, _ = score_head(head, data, indices, head.standardizers())
    targets = torch.from_numpy(data.targets[np.asarray(indices)]).double()
    return float(F.binary_cross_entropy_with_logits(torch.tensor(logits, dtype=torch.float64), targets))
