"""Train the heads that stand on the frozen trunk alone: the dense one and the one of whole maps' statistics.

Neither stops early: with tens of labels a validation set of six parts would choose by chance. A cosine ends the dense
one's training quietly, and the linear one has a single optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.evaluation.training_plots import Epoch
from mltasks.vision.heads.classifier import LearningHead, TextureHead
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import half_cosine, set_learning_rate
from mltasks.vision.training.feature_bank import Material
from mltasks.vision.training.fit_pooled_head import draw, scores_of, train_epoch
from mltasks.vision.training.progress import Stage

DROPOUT, DECAY, SMOOTHING = 0.3, 0.05, 0.05
# Strength of the ridge on 2688 standardised statistics: small, for there are often fewer parts than statistics.
RIDGE = 0.01
# As many images at most, or up to twice that, tell what channels are like, and after each epoch the held-out loss.
LOOKED_AT = 200
FLAT = 1e-4
Learner = TypeVar("Learner", bound=LearningHead)


def train_dense(
    kind: Callable[[float], Learner],
    material: Material,
    train: Sequence[int],
    held_out: Sequence[int],
    seed: int,
    stage: Stage,
) -> tuple[Learner, list[Epoch]]:
    """Train a head of this kind on the indices in ``train``, both classes equally often. The loss on some of
    ``held_out`` (of ``train`` where there is none) is only written down. The same arguments give the same weights."""
    config = material.config
    torch.manual_seed(derive_seed(seed, "dense"))
    generator = np.random.default_rng(derive_seed(seed, "dense draws"))
    head = kind(DROPOUT)
    _standardise(head, material, train)
    material.compute.place(head)
    optimizer = torch.optim.AdamW(head.parameters(), lr=config.dense_learning_rate, weight_decay=DECAY, fused=True)
    watched = _some(held_out or train)
    curve: list[Epoch] = []
    for number in range(1, config.dense_epochs + 1):
        rate = config.dense_learning_rate * half_cosine(number - 1, config.dense_epochs)
        set_learning_rate(optimizer, rate)
        draws = draw(material, train, generator)
        trained = train_epoch(head, material, draws, optimizer, generator, smoothed_loss, head.norms())
        curve.append(Epoch(number, trained, _loss_on(head, material, watched), rate))
        stage.report(number / config.dense_epochs, f"epoch {number}", curve[-1].to_json())
    return head.eval(), curve


def fit_texture(material: Material, train: Sequence[int], source: str = "statistics") -> TextureHead:
    """Ridge-penalised logistic regression on the statistics of the images and of their augmented views, those that
    ``source`` names: ``statistics`` or ``second_statistics``."""
    bank, indices = material.bank, np.asarray(train)
    clean, augmented = getattr(bank.clean, source)[indices], getattr(bank.augmented, source)
    views = [augmented[bank.row[indices] * bank.views + view] for view in range(bank.views)]
    rows = np.concatenate([clean, *views]).astype(np.float64)
    targets = np.tile(material.targets[indices], 1 + bank.views)
    mean, deviation = rows.mean(0), np.maximum(rows.std(0), FLAT)
    # As if each image came once, however many views of it there are.
    model = LogisticRegression(C=RIDGE / (1 + bank.views), class_weight="balanced", max_iter=1000)
    model.fit((rows - mean) / deviation, targets)
    parts = (mean, deviation, model.coef_[0], model.intercept_[0])
    head = TextureHead(*(torch.tensor(part, dtype=torch.float32) for part in parts), source=source)
    return head.to(material.compute.device).eval()


def smoothed_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross entropy of logits ``[N]`` against targets 0 and 1, in 32 bits, that are never quite believed."""
    return F.binary_cross_entropy_with_logits(logits.float(), targets * (1 - 2 * SMOOTHING) + SMOOTHING)


def _standardise(head: LearningHead, material: Material, train: Sequence[int]) -> None:
    """Give the head the channels' means and variances over the training images; they stay as they are."""
    seen = material.bank.clean_batch(_some(train), material.compute, head.norms())
    for name, norm in head.norms().items():
        maps = getattr(seen, name)
        norm.mean.copy_(maps.mean(dim=(0, 2, 3)).view(1, -1, 1, 1))
        norm.deviation.copy_(maps.std(dim=(0, 2, 3)).clamp_min(FLAT).view(1, -1, 1, 1))


def _some(indices: Sequence[int]) -> list[int]:
    return list(indices)[:: max(1, len(indices) // LOOKED_AT)]


def _loss_on(head: LearningHead, material: Material, indices: Sequence[int]) -> float:
    logits, _ = scores_of(head, material, indices, head.norms())
    wanted = torch.from_numpy(material.targets[np.asarray(indices)]).double()
    return float(F.binary_cross_entropy_with_logits(torch.tensor(logits, dtype=torch.float64), wanted))
