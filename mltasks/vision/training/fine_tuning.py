"""Fine-tuning of the auxiliary backbone's next blocks on the product's labels.

The blocks before them stay frozen, so their maps come from the feature bank. Training uses the stored map of each image
and its mirror images. With hundreds of labels, rotated and recolored views help less (docs/diary/quality.md)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mltasks.vision.data.augmentation import random_flip
from mltasks.vision.heads.classifier import FineTunedHead
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryNetwork
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine, smoothed_loss
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.fit_pooled_head import sample_epoch
from mltasks.vision.training.progress import Stage

# The last layer starts near zero and gets a higher rate; all rates rise over the warm-up steps.
LINEAR_RATE_FACTOR, WARMUP_STEPS = 10.0, 20
DROPOUT, WEIGHT_DECAY = 0.3, 0.05


def fine_tune_blocks(
    auxiliary: AuxiliaryNetwork, data: TrainingData, train: Sequence[int], seed: int, stage: Stage
) -> FineTunedHead:
    """Train on the indices in ``train`` for ``config.stage_epochs``, both classes equally often.

    The learning rate falls along a cosine, so training converges without a validation set. The same arguments give the
    same weights."""
    config = data.config
    torch.manual_seed(derive_seed(seed, "stage"))
    generator = np.random.default_rng(derive_seed(seed, "stage draws"))
    head = FineTunedHead(auxiliary, DROPOUT)
    data.compute.move_module(head)
    rates = (config.stage_learning_rate, LINEAR_RATE_FACTOR * config.stage_learning_rate)
    groups = [{"params": module.parameters()} for module in (head.blocks, head.linear)]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)
    draws = [sample_epoch(data, train, generator) for _ in range(config.stage_epochs)]
    steps = sum(len(indices) for indices in draws) // config.batch_size
    done = 0
    for number, indices in enumerate(draws, 1):
        for start in range(0, len(indices), config.batch_size):
            share = min(1.0, (done + 1) / WARMUP_STEPS) * half_cosine(done, steps)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = share * rate
            _step(head, data, indices[start : start + config.batch_size], optimizer, generator)
            done += 1
        stage.report(number / config.stage_epochs, f"epoch {number}")
    return head.eval()


def _step(
    head: FineTunedHead,
    data: TrainingData,
    indices: NDArray[np.int64],
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> None:
    head.train()
    # Approximates the frozen blocks' maps of the mirrored image
    maps = data.compute.to_device(random_flip(torch.from_numpy(data.bank.clean.arrays["aux_maps"][indices]), generator))
    targets = torch.from_numpy(data.targets[indices]).to(data.compute.device).float()
    with data.compute.autocast():
        logits, _ = head.logits_and_maps(maps)
    gradient_step(optimizer, smoothed_loss(logits.float(), targets))
