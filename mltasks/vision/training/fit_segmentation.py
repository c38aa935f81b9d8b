"""Training of the segmentation head with mixed supervision.

Each batch holds good and defective parts equally often, and good parts with synthetic defects. Labels of whole parts
train the part's logit and, by its highest cells, the map; synthetic defects, masks and marks train where the map is
high. There is no early stopping: with tens of labels a validation set would stop at a random epoch, so the learning
rate falls along a cosine instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.heads.segmentation import SegmentationHead
from mltasks.vision.networks.calibration_images import MIN_DEVIATION
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine, set_learning_rate, smoothed_loss
from mltasks.vision.networks.trunk import FeatureMaps, top_mean
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.features.place_grid import MARKED, UNKNOWN
from mltasks.vision.training.fit_pooled_head import sample_epoch, score_head
from mltasks.vision.training.progress import Epoch, Stage
from mltasks.vision.types import DEFECT, GOOD

DROPOUT, WEIGHT_DECAY, WARMUP_STEPS = 0.2, 0.02, 20
# Draws per epoch: with 30 labels, half as many steps left the logits of folds at different levels.
MIN_DRAWS = 256
# Pictures with synthetic defects, and images with masks or marks, per drawn image: they alone say where a defect is
SYNTHETIC_SHARE, PLACED_SHARE = 1 / 3, 1 / 8
# Share of a cell that a defect covers: defective from the first on, good below the second, undecided between
COVERED, CLEAR = 0.25, 0.02
# Highest cells of a part that carry its label, and of a mark that must be defective
TOP_SHARE, MARKED_SHARE = 0.006, 0.25
LABEL_MAP_WEIGHT, FOCUS = 0.5, 2.0
# Number of images, at most doubled, for the channel means and deviations and for the held-out loss of each epoch
SUBSAMPLE_IMAGES = 200


class _Batch(NamedTuple):
    """Features and places ``[N, H/8, W/8]`` of ``N`` pictures, and targets ``[n]`` of the first ``n``.

    The others teach places only: images with masks or marks, and synthetic pictures."""

    features: FeatureMaps
    targets: Tensor
    places: Tensor


def train_segmentation(
    data: TrainingData, train: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage
) -> tuple[SegmentationHead, list[Epoch]]:
    """Train a head on the indices in ``train`` for ``config.dense_epochs``.

    The loss on a subsample of ``held_out`` (of ``train`` if it is empty) is only recorded. The same arguments give the
    same weights."""
    config = data.config
    torch.manual_seed(derive_seed(seed, "segmentation"))
    generator = np.random.default_rng(derive_seed(seed, "segmentation draws"))
    head = _build_head(data, train)
    data.compute.move_module(head)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=config.dense_learning_rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    synthetic = np.flatnonzero(np.isin(data.bank.synthetic_images, np.asarray(train)))
    placed = np.array([index for index in train if index in data.bank.places], np.int64)
    draws = [sample_epoch(data, train, generator, MIN_DRAWS) for _ in range(config.dense_epochs)]
    steps, done = sum(len(indices) for indices in draws) // config.batch_size, 0
    curve: list[Epoch] = []
    for number, indices in enumerate(draws, 1):
        rate, total, head = config.dense_learning_rate * half_cosine(done, steps), 0.0, head.train()
        for start in range(0, len(indices), config.batch_size):
            warming = min(1.0, (done + 1) / WARMUP_STEPS)
            set_learning_rate(optimizer, warming * config.dense_learning_rate * half_cosine(done, steps))
            labeled = indices[start : start + config.batch_size]
            batch = _draw_batch(head, data, labeled, placed, synthetic, generator)
            with data.compute.autocast():
                logits, cells = head(batch.features)
            loss = segmentation_loss(logits.float(), cells.float(), batch.targets, batch.places)
            gradient_step(optimizer, loss)
            total, done = total + loss.item() * len(batch.targets), done + 1
        curve.append(Epoch(number, total / len(indices), _loss_on(head, data, _subsample(held_out or train)), rate))
        stage.report(number / config.dense_epochs, f"epoch {number}", curve[-1].to_json())
    return head.eval(), curve


def segmentation_loss(logits: Tensor, cells: Tensor, targets: Tensor, places: Tensor) -> Tensor:
    """Return the loss of logits ``[N]`` and cells ``[N, h, w]``; the first ``n`` of ``N`` images have targets ``[n]``.

    Focal loss (Lin et al., ICCV 2017) on the known ``places`` ``[N, h, w]``, both classes weighing the same."""
    labeled = len(targets)
    loss = smoothed_loss(logits[:labeled], targets)
    loss = loss + LABEL_MAP_WEIGHT * smoothed_loss(top_mean(cells[:labeled], TOP_SHARE), targets)
    for chosen, sign in (((places >= COVERED) & (places < MARKED), 1), ((places >= 0) & (places < CLEAR), -1)):
        right = sign * cells[chosen]
        if len(right):
            loss = loss + (torch.sigmoid(-right) ** FOCUS * F.softplus(-right)).mean()
    for row in torch.flatten(places == MARKED, 1).any(1).nonzero().flatten():
        marked = cells[row][places[row] == MARKED]
        highest = marked.topk(max(1, round(MARKED_SHARE * len(marked)))).values.mean()
        loss = loss + F.softplus(-highest) / len(places)
    return loss


def _build_head(data: TrainingData, train: Sequence[int]) -> SegmentationHead:
    """Build a head for the bank's maps; its channel means and deviations are the training images' and stay fixed."""
    middle = "aux_maps" if data.config.companion else "layer3"
    features = data.bank.clean_batch(_subsample(train), data.compute, ("fine", middle))
    channels = features.fine.shape[1], getattr(features, middle).shape[1]
    head = SegmentationHead(*channels, DROPOUT, middle=middle)
    for name, norm in head.standardizers().items():
        maps = getattr(features, name)
        norm.mean.copy_(maps.mean(dim=(0, 2, 3)).view(1, -1, 1, 1))
        norm.deviation.copy_(maps.std(dim=(0, 2, 3)).clamp_min(MIN_DEVIATION).view(1, -1, 1, 1))
    return head


def _draw_batch(
    head: SegmentationHead,
    data: TrainingData,
    labeled: NDArray[np.int64],
    placed: NDArray[np.int64],
    synthetic: NDArray[np.int64],
    generator: np.random.Generator,
) -> _Batch:
    """Return the labeled images, random ones of ``placed`` and ``synthetic``, all mirrored alike at random.

    An image with a mask or marks is taken as it is: an augmented view moves the part away from its places."""
    bank, compute, fields = data.bank, data.compute, head.fields
    known = np.array([int(index) in bank.places for index in labeled], np.bool_)
    moved, still = labeled[~known], labeled[known]
    repeated = _draw(placed, PLACED_SHARE * len(labeled), generator)
    drawn = _draw(synthetic, SYNTHETIC_SHARE * len(labeled), generator)
    placed_images = [*still.tolist(), *repeated.tolist()]
    parts = (
        bank.augmented_batch(moved, bank.sample_views(len(moved), generator), compute, fields),
        bank.clean_batch(placed_images, compute, fields),
        bank.synthetic.fetch(drawn, compute, fields),
    )
    axes = [axis for axis in (-2, -1) if generator.integers(2)]
    mixed = {
        name: torch.cat([getattr(part, name) for part in parts]).flip(axes).to(memory_format=torch.channels_last)
        for name in fields
    }
    shape = bank.synthetic_places.shape[1:]
    # Nothing is defective on a good part; on a defect without mask or marks any cell may be.
    guessed = [np.full(shape, 0 if data.targets[index] == GOOD else UNKNOWN, np.float16) for index in moved]
    stated = [bank.places[index] for index in placed_images]
    places = torch.from_numpy(np.stack([*guessed, *stated, *bank.synthetic_places[drawn]])).flip(axes)
    targets = torch.from_numpy(data.targets[np.concatenate([moved, still])]).to(compute.device).float()
    return _Batch(parts[0]._replace(**mixed), targets, places.to(compute.device).float())


def _draw(indices: NDArray[np.int64], count: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return ``count``, rounded, random ones of the indices, perhaps repeated; none of none."""
    return generator.choice(indices, round(count)) if len(indices) else indices


def _subsample(indices: Sequence[int]) -> list[int]:
    return list(indices)[:: max(1, len(indices) // SUBSAMPLE_IMAGES)]


def _loss_on(head: SegmentationHead, data: TrainingData, indices: Sequence[int]) -> float:
    logits, _ = score_head(head, data, indices, head.fields)
    targets = torch.from_numpy(data.targets[np.asarray(indices)] == DEFECT).double()
    return float(F.binary_cross_entropy_with_logits(torch.tensor(logits, dtype=torch.float64), targets))
