"""Recipe and state of a distillation, and the checkpoint from which a stopped run continues."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mltasks.vision.networks.compute import Compute
from mltasks.vision.networks.gradient_descent import half_cosine
from mltasks.vision.pretrain.crops import CROP
from mltasks.vision.pretrain.student import Student
from mltasks.vision.serving.bundle import sync

BATCH = 32
# Settings that another length of the same run may change, as long as the learning rates so far stay the same.
_LENGTH_SETTINGS = ("steps", "cooldown")


class CheckpointMismatchError(ValueError):
    """Error for a checkpoint of a run with other settings or images; the message names them."""


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """Settings of a distillation besides the pool.

    The same recipe, pool, processor and thread count give the same bytes. ``init`` is what ``load_backbone`` takes,
    ``detail`` the weight of the loss at stride 4. ``half`` computes in bfloat16, which is many times slower on
    processors that emulate it. ``cooldown`` is the share of the steps, at the end, in which the learning rate falls.
    Below 1 a checkpoint from before the fall can be continued to any length: Hägele et al., "Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations" (NeurIPS 2024).
    """

    steps: int
    seed: int = 7
    batch: int = BATCH
    crop: int = CROP
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: int = 200
    statistics_batches: int = 8
    init: str = "random"
    detail: float = 0.0
    half: bool = True
    teacher: str = "efficientnet_lite0"
    cooldown: float = 1.0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, constant, then half a cosine down to zero."""
        warmup = min(self.warmup, self.steps // 10)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        fall = max(warmup, round((1 - self.cooldown) * self.steps))
        return self.learning_rate * half_cosine(max(0, step - fall), max(1, self.steps - fall))


@dataclass(slots=True)
class DistillationState:
    """State of a distillation, as stored in a checkpoint.

    ``images`` identifies the pool. ``computed_on`` are the distinct machines' facts (``Compute.describe``), in order.
    """

    recipe: DistillationRecipe
    images: str
    student: Student
    optimizer: torch.optim.AdamW
    compute: Compute
    done: int = 0
    computed_on: list[dict[str, Any]] = field(default_factory=list)

    def note_machine(self) -> None:
        """Add this machine to those that the run was computed on."""
        facts = self.compute.describe()
        if facts not in self.computed_on:
            self.computed_on.append(facts)

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically and durably."""
        tensors = {f"student.{name}": value for name, value in self.student.state_dict().items()}
        for index, parameter in enumerate(self.student.parameters()):
            for name, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer.{index}.{name}"] = value
        about = {"recipe": asdict(self.recipe), "images": self.images, "done": self.done}
        metadata = {"about": json.dumps({**about, "computed_on": self.computed_on})}
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        save_file({name: value.contiguous() for name, value in tensors.items()}, unfinished, metadata)
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)

    def resume(self, path: Path) -> bool:
        """Load a checkpoint; return False if it is missing, truncated or of an earlier format.

        Raises CheckpointMismatchError for a checkpoint of another run.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get("about", "null"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (FileNotFoundError, SafetensorError):
            return False
        if about is None:
            return False
        self._refuse_other_run(path, about)
        self.done, self.computed_on = about["done"], about["computed_on"]
        parameters = list(self.student.parameters())
        for name in [name for name in tensors if name.startswith("optimizer.")]:
            _, index, key = name.split(".")
            parameter, value = parameters[int(index)], tensors.pop(name)
            # The optimizer's step counter stays on the processor.
            self.optimizer.state[parameter][key] = value if key == "step" else value.to(parameter.device)
        self.student.load_state_dict({name.removeprefix("student."): value for name, value in tensors.items()})
        return True

    def _refuse_other_run(self, path: Path, about: dict[str, Any]) -> None:
        stored, own = {**about["recipe"], "images": about["images"]}, {**asdict(self.recipe), "images": self.images}
        keys = [key for key in {**stored, **own} if key not in _LENGTH_SETTINGS and stored.get(key) != own.get(key)]
        if not keys and not _same_rates(DistillationRecipe(**about["recipe"]), self.recipe, about["done"]):
            keys = [key for key in _LENGTH_SETTINGS if stored[key] != own[key]]
        if keys:
            differences = ", ".join(f"{key} {stored.get(key)} instead of {own.get(key)}" for key in keys)
            raise CheckpointMismatchError(
                f"{path} after {about['done']} steps belongs to another run: {differences}. Use the settings of that "
                "run or another folder, or delete the file to start over."
            )


def _same_rates(stored: DistillationRecipe, own: DistillationRecipe, done: int) -> bool:
    return done <= own.steps and all(stored.rate(step) == own.rate(step) for step in range(done))
