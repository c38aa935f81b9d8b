"""``python -m mltasks.vision.pretrain.transfer DIR``: probe features on a folder of parts.

A logistic regression on pooled features (mean and maximum of the last map), without tuning, in 5-fold stratified
cross-validation repeated over seeds. Each image counts as one part: the folder must not show a part twice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.pretrain.linear_probe import Floats, pool_maps, predict_held_out
from mltasks.vision.pretrain.student import normalize_imagenet
from mltasks.vision.pretrain.teacher import TEACHERS, Teacher
from mltasks.vision.types import GOOD_FOLDERS, IMAGE_SUFFIXES

_RESAMPLES = 2000

MapFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Result of a probe: means over the repeats, 95 % bootstrap percentile intervals over parts."""

    weights: str
    parts: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    auroc: float
    auroc_interval: tuple[float, float]


def read_folder(directory: Path, skip: frozenset[str]) -> tuple[list[Path], NDArray[np.int64]]:
    """Return images in ImageFolder layout and their targets, 1 for a defect.

    Raises ValueError below five images of a class.
    """
    paths = sorted(path for path in directory.glob("*/*") if path.suffix.lower() in IMAGE_SUFFIXES)
    paths = [path for path in paths if path.parent.name not in skip]
    targets = np.array([path.parent.name not in GOOD_FOLDERS for path in paths], dtype=np.int64)
    if not 5 <= targets.sum() <= len(targets) - 5:
        raise ValueError(f"{directory} needs at least five good and five defective images in folders by kind.")
    return paths, targets


def last_map_function(weights: str) -> MapFunction:
    """Return a function from (1, 3, H, W) in [0, 1] to a last map, by name of the weights.

    The name of a teacher gives the teacher's own map; other names are weights of a ResNet18.
    """
    if weights in TEACHERS:
        teacher = Teacher(weights)
        return lambda image: teacher(image)[-1]
    torch.manual_seed(0)  # for weights=random
    network, _ = load_backbone("resnet18", weights)
    body = torch.nn.Sequential(*list(network.children())[:-2])
    return lambda image: body(normalize_imagenet(image))


def pooled_features(paths: list[Path], maps: MapFunction, height: int, width: int) -> NDArray[np.float32]:
    """Return (n, 2 × channels): mean and maximum of each image's last map."""
    with torch.no_grad():
        rows = [pool_maps([maps(_read(path, height, width))]) for path in paths]
    return torch.cat(rows).numpy()


def probe(rows: NDArray[np.float32], targets: NDArray[np.int64], repeats: int) -> Floats:
    """Return (repeats, n) defect probabilities, each from a model that never saw the part."""
    return np.stack([_out_of_fold(rows, targets, seed) for seed in range(repeats)])


def summarize(weights: str, probabilities: Floats, targets: NDArray[np.int64], resamples: int = _RESAMPLES) -> Transfer:
    """Summarize out-of-fold probabilities of shape (repeats, n)."""
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(targets == target) for target in (0, 1)]
    draws = [np.concatenate([rng.choice(group, len(group)) for group in groups]) for _ in range(resamples)]
    spread = [_score(probabilities[:, draw], targets[draw]) for draw in draws]
    accuracy, auroc = _score(probabilities, targets)
    low, high = np.percentile(spread, [2.5, 97.5], axis=0).tolist()
    return Transfer(weights, len(targets), accuracy, (low[0], high[0]), auroc, (low[1], high[1]))


def _score(probabilities: Floats, targets: NDArray[np.int64]) -> tuple[float, float]:
    accuracy = float(((probabilities >= 0.5) == targets).mean())
    return accuracy, float(np.mean([roc_auc_score(targets, row) for row in probabilities]))


def _out_of_fold(rows: NDArray[np.float32], targets: NDArray[np.int64], seed: int) -> Floats:
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    result = np.zeros(len(targets))
    for _, indices in folds.split(rows, targets):
        held_out = np.isin(np.arange(len(targets)), indices)
        result[held_out] = predict_held_out(rows, targets, held_out)
    return result


def _read(path: Path, height: int, width: int) -> Tensor:
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(upright)).permute(2, 0, 1)[None].float() / 255


def main(arguments: list[str] | None = None) -> None:
    """Print one JSON line for each of the weights."""
    parser = argparse.ArgumentParser(prog="python -m mltasks.vision.pretrain.transfer", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--skip", default="raw", help="folders to skip, separated by commas (default %(default)s)")
    parser.add_argument(
        "--weights",
        default="shipped,efficientnet_lite0,efficientnet_lite2,random",
        help="names or paths, by comma (default %(default)s)",
    )
    parser.add_argument("--height", type=int, default=640)
    parser.add_argument("--width", type=int, default=352)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    paths, targets = read_folder(options.directory, frozenset(options.skip.split(",")))
    for weights in options.weights.split(","):
        rows = pooled_features(paths, last_map_function(weights), options.height, options.width)
        print(json.dumps(asdict(summarize(weights, probe(rows, targets, options.repeats), targets))), flush=True)


if __name__ == "__main__":
    main()
