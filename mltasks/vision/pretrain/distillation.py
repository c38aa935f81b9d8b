"""Distillation of a student from the teacher's feature maps, without labels.

Dense feature matching after Romero et al., "FitNets" (ICLR 2015). Artificial images suffice: Asano and Saeed, "The
Augmented Image Prior" (ICLR 2023).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor

from mltasks.vision.networks.compute import Compute, select_compute
from mltasks.vision.networks.gradient_descent import gradient_step, half_cosine, set_learning_rate
from mltasks.vision.pretrain.crops import CROP, ViewSource
from mltasks.vision.pretrain.student import Student, TeacherStandardize, distillation_loss, fit_projections
from mltasks.vision.pretrain.teacher import Teacher

BATCH = 32


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """Settings of a distillation besides the pool.

    The same recipe, pool, device and thread count give the same bytes. ``init`` is what ``load_backbone`` takes,
    ``detail`` the weight of the loss at stride 4. ``half`` computes in bfloat16, which is many times slower on
    processors that emulate it.
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


@dataclass(frozen=True, slots=True)
class DistillationStep:
    """Progress: steps done, mean loss since the last report, crops per second since the start."""

    done: int
    loss: float
    crops_per_s: float


@dataclass(slots=True)
class _Run:
    """State of the training, as stored in a checkpoint."""

    student: Student
    optimizer: torch.optim.AdamW
    compute: Compute
    done: int = 0

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        tensors = {f"student.{name}": value for name, value in self.student.state_dict().items()}
        for index, parameter in enumerate(self.student.parameters()):
            for name, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer.{index}.{name}"] = value
        tensors["done"] = torch.tensor(self.done)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        save_file({name: value.contiguous() for name, value in tensors.items()}, unfinished)
        unfinished.replace(path)

    def resume(self, path: Path) -> bool:
        """Load a checkpoint of the same recipe; return False for a missing or truncated checkpoint."""
        try:
            tensors = load_file(path)
        except (FileNotFoundError, SafetensorError):
            return False
        self.done = int(tensors.pop("done"))
        for name in [name for name in tensors if name.startswith("optimizer.")]:
            _, index, key = name.split(".")
            parameter, value = list(self.student.parameters())[int(index)], tensors.pop(name)
            # The optimizer's step counter stays on the processor.
            self.optimizer.state[parameter][key] = value if key == "step" else value.to(parameter.device)
        self.student.load_state_dict({name.removeprefix("student."): value for name, value in tensors.items()})
        return True


def distill(
    views: ViewSource,
    recipe: DistillationRecipe,
    checkpoint: Path,
    *,
    report_every: int = 50,
    report: Callable[[DistillationStep, Student], None],
) -> Student:
    """Train a student, on a GPU if there is one; return it in eval mode on the processor.

    Resumes from ``checkpoint`` if it exists, and writes it at every report.
    """
    torch.manual_seed(recipe.seed)
    teacher, run = _begin(recipe)
    resumed = run.resume(checkpoint)
    batches = [_views(views, recipe, -1 - n, run.compute) for n in range(recipe.statistics_batches)]
    standard = TeacherStandardize(teacher, batches)
    if not resumed and recipe.init != "random":
        fit_projections(run.student, teacher, standard, batches)
    started, first, losses = time.monotonic(), run.done, list[float]()
    while run.done < recipe.steps:
        losses.append(_step(run, teacher, standard, _views(views, recipe, run.done, run.compute), recipe))
        run.done += 1
        if run.done % report_every == 0 or run.done == recipe.steps:
            speed = (run.done - first) * recipe.batch / (time.monotonic() - started)
            report(DistillationStep(run.done, sum(losses) / len(losses), speed), run.student)
            run.save(checkpoint)
            losses.clear()
    return run.student.cpu().eval()


def measure_speed(recipe: DistillationRecipe, steps: int = 2) -> float:
    """Measure the training speed on noise, in crops a second; takes a few seconds."""
    with torch.random.fork_rng():
        teacher, run = _begin(replace(recipe, init="random"))
        noise = run.compute.to_device(torch.rand(recipe.batch, 3, recipe.crop, recipe.crop))
        standard = TeacherStandardize(teacher, [noise])
        _step(run, teacher, standard, noise, recipe)  # the first step also allocates memory
        started = time.monotonic()
        for _ in range(steps):
            _step(run, teacher, standard, noise, recipe)
        return steps * recipe.batch / (time.monotonic() - started)


def _begin(recipe: DistillationRecipe) -> tuple[Teacher, _Run]:
    detail, compute = recipe.detail > 0, replace(select_compute(), half=recipe.half)
    teacher, student = Teacher(detail=detail), Student(recipe.init, detail=detail)
    for network in (teacher, student):
        compute.move_module(network)
    optimizer = torch.optim.AdamW(student.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return teacher, _Run(student, optimizer, compute)


def _views(views: ViewSource, recipe: DistillationRecipe, step: int, compute: Compute) -> Tensor:
    # The generator depends only on the step, so a resumed run gets the same views as an uninterrupted run.
    generator = Generator().manual_seed(recipe.seed * 1_000_003 + step + recipe.statistics_batches)
    return compute.to_device(views(recipe.batch, generator, recipe.crop))


def _step(
    run: _Run, teacher: Teacher, standard: TeacherStandardize, views: Tensor, recipe: DistillationRecipe
) -> float:
    set_learning_rate(run.optimizer, recipe.learning_rate * _schedule(run.done, recipe))
    with run.compute.autocast():
        with torch.no_grad():
            targets = standard(teacher(views))
        own = run.student(views)
    loss = distillation_loss(own, targets, recipe.detail)
    gradient_step(run.optimizer, loss)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"The loss is {value} at step {run.done}. Lower the learning rate.")
    return value


def _schedule(step: int, recipe: DistillationRecipe) -> float:
    """Return the share of the learning rate: linear warm-up, then half a cosine down to zero."""
    warmup = min(recipe.warmup, recipe.steps // 10)
    if step < warmup:
        return (step + 1) / warmup
    return half_cosine(step - warmup, max(1, recipe.steps - warmup))
