"""Writing of backbone weights in half precision, with a JSON card of their origin."""

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

from mltasks.vision.pretrain.distillation import DistillationStep
from mltasks.vision.pretrain.distillation_state import DistillationRecipe
from mltasks.vision.pretrain.image_pool import ImagePool, pool_sha256
from mltasks.vision.pretrain.teacher import teacher_card
from mltasks.vision.serving.bundle import file_sha256, sync


def write_weights(network: nn.Module, path: Path, facts: dict[str, Any]) -> str:
    """Write a network's state as safetensors and its JSON card; return the weights' sha256.

    The card holds ``facts``, the file's name, sha256 and size. Convolutions are stored as float16. Batch norm stays
    float32: its variances exceed float16's range, and its share of the file is negligible. Each file is written
    atomically, the card last.
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
    """Rename a complete file durably: after a power cut the old or the new file is there."""
    sync(unfinished)
    unfinished.replace(path)
    sync(path.parent)


def _stored(value: Tensor) -> Tensor:
    half = value.is_floating_point() and value.dim() == 4
    return value.detach().to(torch.float16 if half else value.dtype).contiguous()


def drawn_card(recipe: DistillationRecipe, pool: ImagePool, step: DistillationStep) -> dict[str, Any]:
    """Return the card of a run on drawn images: all that is needed to make the file again."""
    return {
        "images": f"{len(pool)} of {pool.shape[1]} x {pool.shape[2]} px, all drawn by mltasks.vision.drawing",
        "images_sha256": pool_sha256(pool),
        **distillation_card(recipe, step),
    }


def distillation_card(recipe: DistillationRecipe, step: DistillationStep) -> dict[str, Any]:
    """Return the card of a distillation on any images."""
    return {
        "network": "torchvision resnet18 without fc",
        "licence": "MIT, distilled from an Apache-2.0 teacher",
        "method": "dense feature distillation, smooth L1 on standardized maps, no labels",
        "recipe": asdict(recipe),
        "steps_done": step.done,
        "crops": step.done * recipe.batch,
        # Unknown when a run was resumed after its last step.
        "loss": round(step.loss, 5) if math.isfinite(step.loss) else None,
        "teacher": teacher_card(recipe.teacher),
        "libraries": {name: version(name) for name in ("torch", "torchvision", "numpy", "pillow", "safetensors")},
        "threads": torch.get_num_threads(),
        # Several where a run was resumed on another machine: then it is not bitwise repeatable.
        "computed_on": list(step.computed_on),
    }
