"""The file that ships: half-precision weights, and beside them a card that says how they came to be."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mltasks.vision.pretrain.distillation import DistillationRecipe
from mltasks.vision.pretrain.image_pool import ImagePool, pool_sha256
from mltasks.vision.pretrain.teacher import teacher_card
from mltasks.vision.serving.bundle import file_sha256


def write_weights(network: nn.Module, path: Path, facts: dict[str, Any]) -> str:
    """Write a network's state as safetensors, and ``facts`` with its sha256 as JSON beside it. Returns the sha256.

    Convolutions are stored as float16. Batch norm stays float32: its variances span more than float16 holds, and its
    share of the file is nothing. Each file is written whole or not at all, the card last.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    save_file({name: _stored(value) for name, value in network.state_dict().items()}, unfinished)
    unfinished.chmod(0o644)
    digest, size = file_sha256(unfinished), unfinished.stat().st_size
    _rename_synced(unfinished, path)
    card = json.dumps({"file": path.name, "sha256": digest, "bytes": size, **facts}, indent=2) + "\n"
    unfinished.write_text(card, encoding="utf-8")
    _rename_synced(unfinished, path.with_suffix(".json"))
    return digest


def _rename_synced(unfinished: Path, path: Path) -> None:
    """Give a whole file its name, so that a power cut leaves the old one or the new one."""
    with unfinished.open("rb") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _stored(value: Tensor) -> Tensor:
    half = value.is_floating_point() and value.dim() == 4
    return value.detach().to(torch.float16 if half else value.dtype).contiguous()


def drawn_card(recipe: DistillationRecipe, pool: ImagePool, done: int, loss: float) -> dict[str, Any]:
    """Return what the card says of a run on drawn pictures: everything needed to make the same file again."""
    return {
        "images": f"{len(pool)} of {pool.shape[1]} x {pool.shape[2]} px, all drawn by mltasks.vision.drawing",
        "images_sha256": pool_sha256(pool),
        **distillation_card(recipe, done, loss),
    }


def distillation_card(recipe: DistillationRecipe, done: int, loss: float) -> dict[str, Any]:
    """Return what the card says of a distillation, whatever it was made on."""
    return {
        "network": "torchvision resnet18 without fc",
        "licence": "MIT, distilled from an Apache-2.0 teacher",
        "method": "dense feature distillation, smooth L1 on standardized maps, no labels",
        "recipe": asdict(recipe),
        "steps_done": done,
        "crops": done * recipe.batch,
        # Unknown when a run was taken up after its last step.
        "loss": round(loss, 5) if math.isfinite(loss) else None,
        "teacher": teacher_card(),
        "libraries": {name: version(name) for name in ("torch", "torchvision", "numpy", "pillow", "safetensors")},
        "threads": torch.get_num_threads(),
    }
