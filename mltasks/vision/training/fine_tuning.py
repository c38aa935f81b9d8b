"""Let the companion's next blocks learn on the product's own labels: fine-tuning, from maps that the bank holds.

The blocks before them stay frozen, so that their maps are computed once. Of each image the map as it is and its mirror
images teach: with hundreds of labels, turned and recoloured views teach less (docs/quality.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mltasks.vision.data.augmentation import mirrored
from mltasks.vision.heads.classifier import SecondStageHead
from mltasks.vision.networks.auxiliary_backbone import Companion
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine
from mltasks.vision.training.feature_bank import Material
from mltasks.vision.training.fit_dense_head import DECAY, DROPOUT, smoothed_loss
from mltasks.vision.training.fit_pooled_head import draw
from mltasks.vision.training.progress import Stage

# The last layer starts from nothing and may hurry; all of it starts slowly.
LAST_LAYER, WARM_UP = 10.0, 20


def train_stage(
    companion: Companion, material: Material, train: Sequence[int], seed: int, stage: Stage
) -> SecondStageHead:
    """Train on the indices in ``train`` for ``config.stage_epochs``, both classes equally often; the learning rate
    falls along a cosine, so that the end is quiet without a validation set. The same arguments give the same weights.
    """
    config = material.config
    torch.manual_seed(derive_seed(seed, "stage"))
    generator = np.random.default_rng(derive_seed(seed, "stage draws"))
    head = SecondStageHead(companion, DROPOUT)
    material.compute.place(head)
    rates = (config.stage_learning_rate, LAST_LAYER * config.stage_learning_rate)
    groups = [{"params": module.parameters()} for module in (head.blocks, head.linear)]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY, fused=True)
    draws = [draw(material, train, generator) for _ in range(config.stage_epochs)]
    steps = sum(len(one) for one in draws) // config.batch_size
    done = 0
    for number, one in enumerate(draws, 1):
        for start in range(0, len(one), config.batch_size):
            share = min(1.0, (done + 1) / WARM_UP) * half_cosine(done, steps)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = share * rate
            _step(head, material, one[start : start + config.batch_size], optimizer, generator)
            done += 1
        stage.report(number / config.stage_epochs, f"epoch {number}")
    return head.eval()


def _step(
    head: SecondStageHead,
    material: Material,
    indices: NDArray[np.int64],
    optimizer: torch.optim.Optimizer,
    generator: np.random.Generator,
) -> None:
    head.train()
    # Nearly what the frozen blocks see of the mirrored image
    maps = material.compute.fetch(mirrored(torch.from_numpy(material.bank.clean.second[indices]), generator))
    wanted = torch.from_numpy(material.targets[indices]).to(material.compute.device).float()
    with material.compute.autocast(depthwise=True):
        logits, _ = head.judge(maps)
    loss = smoothed_loss(logits, wanted)
    gradient_step(optimizer, loss)
