"""Linear probe of a backbone: logistic regression on pooled features of labeled images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mltasks.vision.data.splits import Part, assign_parts, check_class_counts, collect_parts
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.pretrain.student import normalize_imagenet, stage_maps
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import read_pixels
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, InputSize, Sample

FOLDS = 5
Floats = NDArray[np.float64]
Features = NDArray[np.float32]


def subsample_parts(samples: Sequence[Sample], max_images: int, seed: int) -> list[Sample]:
    """Return whole parts with about ``max_images`` images, half of the rarer class if possible.

    The result is in the order of the images' hashes and does not depend on the database's order.
    """
    classes: dict[int, list[Part]] = {GOOD: [], DEFECT: []}
    for part in sorted(collect_parts(samples), key=lambda part: derive_seed(seed, "thinning", part.key)):
        classes[part.target].append(part)
    rarer, other = sorted(classes.values(), key=len)
    kept = _take_parts(rarer, max_images // 2)
    kept += _take_parts(other, max_images - len(kept))
    return sorted(kept, key=lambda sample: (sample.sha256, sample.name))


def _take_parts(parts: Sequence[Part], max_images: int) -> list[Sample]:
    kept: list[Sample] = []
    for part in parts:
        if len(kept) < max_images:
            kept.extend(part.samples)
    return kept


def pooled_features(network: torch.nn.Module, samples: Sequence[Sample], config: TrainConfig, stage: Stage) -> Features:
    """Return (n, 1792): mean and maximum of layer2, layer3 and layer4 of each image.

    Images have the config's height and width.
    """
    rows = []
    for number, sample in enumerate(samples, start=1):
        pixels = torch.from_numpy(read_pixels(sample, InputSize(config.height, config.width)))
        rows.append(_pooled(network, pixels.permute(2, 0, 1)[None].float() / 255))
        if number % 10 == 0 or number == len(samples):
            stage.report(number / len(samples), f"image {number} of {len(samples)}")
    return np.stack(rows)


def _pooled(network: torch.nn.Module, image: torch.Tensor) -> Features:
    with torch.inference_mode():
        row = pool_maps(stage_maps(network, normalize_imagenet(image))[1:])
    values: Features = row[0].float().numpy()
    return values


def pool_maps(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return mean and maximum of each channel of the maps, one after the other, ``[N, 2 × channels]``."""
    return torch.cat([pooled for features in maps for pooled in (features.mean((2, 3)), features.amax((2, 3)))], 1)


def out_of_fold_probabilities(rows: Features, samples: Sequence[Sample], repeats: int, seed: int) -> Floats:
    """Return (repeats, n) defect probabilities, each from a model that never saw the part.

    Raises NotEnoughLabels.
    """
    parts = collect_parts(samples)
    count = min(FOLDS, check_class_counts(parts))
    shares = {f"fold-{index}": 1 / count for index in range(count)}
    targets = np.array([sample.target for sample in samples])
    result = np.zeros((repeats, len(samples)))
    for repeat in range(repeats):
        split_of = assign_parts(parts, shares, derive_seed(seed, "judging", repeat))
        fold = np.array([split_of[sample.sha256, sample.group] for sample in samples])
        for name in shares:
            held_out = fold == name
            result[repeat, held_out] = predict_held_out(rows, targets, held_out)
    return result


def predict_held_out(rows: Features, targets: NDArray[np.int64], held_out: NDArray[np.bool_]) -> Floats:
    """Return the defect probabilities of the held-out rows by a logistic regression on the others."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(rows[~held_out], targets[~held_out])
    probabilities: Floats = model.predict_proba(rows[held_out])[:, 1]
    return probabilities
