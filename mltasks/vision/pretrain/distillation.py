"""Distillation of a student from the teacher's feature maps, without labels.

Dense feature matching after Romero et al., "FitNets" (ICLR 2015). Artificial images suffice: Asano and Saeed, "The
Augmented Image Prior" (ICLR 2023).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from mltasks.vision.networks.compute import Compute, select_compute
from mltasks.vision.networks.gradient_descent import gradient_step, set_learning_rate
from mltasks.vision.pretrain.crops import ViewSource
from mltasks.vision.pretrain.distillation_state import DistillationRecipe, DistillationState
from mltasks.vision.pretrain.student import Student, TeacherStandardize, distillation_loss, fit_projections
from mltasks.vision.pretrain.teacher import Teacher


class DistillationStopped(Exception):  # noqa: N818 - a state of the run, not an error
    """Signal that a distillation stopped on request; its checkpoint holds all steps."""


@dataclass(frozen=True, slots=True)
class DistillationStep:
    """Progress: steps done, mean loss since the last report, crops per second since the start, machines used."""

    done: int
    loss: float
    crops_per_s: float
    computed_on: tuple[dict[str, Any], ...] = ()


def distill(
    views: ViewSource,
    recipe: DistillationRecipe,
    checkpoint: Path,
    *,
    images: str = "",
    report_every: int = 50,
    save_every_s: float = 0.0,
    report: Callable[[DistillationStep, Student], None],
    stop: Callable[[], bool] = lambda: False,
) -> Student:
    """Train a student, on a GPU if there is one; return it in eval mode on the processor.

    Resumes from ``checkpoint`` if it exists, and writes it at each report, at most once in ``save_every_s`` seconds.
    ``images`` identifies the pool of the views. ``stop`` is asked after each step. Raises DistillationStopped after a
    checkpoint when it returns True, and CheckpointMismatchError for the checkpoint of another run.
    """
    torch.manual_seed(recipe.seed)
    teacher, run = _begin(recipe, images)
    resumed = run.resume(checkpoint)
    run.note_machine()
    batches = [_views(views, recipe, -1 - n, run.compute) for n in range(recipe.statistics_batches)]
    standard = TeacherStandardize(teacher, batches)
    if not resumed and recipe.init != "random":
        fit_projections(run.student, teacher, standard, batches)
    started = saved = time.monotonic()
    first, losses = run.done, list[float]()
    while run.done < recipe.steps:
        losses.append(_step(run, teacher, standard, _views(views, recipe, run.done, run.compute)))
        run.done += 1
        now, ended = time.monotonic(), run.done == recipe.steps
        due = ended or run.done % report_every == 0
        if due:
            speed = (run.done - first) * recipe.batch / (now - started)
            report(DistillationStep(run.done, sum(losses) / len(losses), speed, tuple(run.computed_on)), run.student)
            losses.clear()
        stopped = stop()
        if ended or stopped or (due and now - saved >= save_every_s):
            run.save(checkpoint)
            saved = now
        if stopped and not ended:
            raise DistillationStopped(f"Stopped after step {run.done} of {recipe.steps}.")
    return run.student.cpu().eval()


def measure_speed(recipe: DistillationRecipe, steps: int = 2) -> float:
    """Measure the training speed on noise, in crops a second; takes a few seconds."""
    with torch.random.fork_rng():
        teacher, run = _begin(replace(recipe, init="random"), images="")
        noise = run.compute.to_device(torch.rand(recipe.batch, 3, recipe.crop, recipe.crop))
        standard = TeacherStandardize(teacher, [noise])
        _step(run, teacher, standard, noise)  # the first step also allocates memory
        started = time.monotonic()
        for _ in range(steps):
            _step(run, teacher, standard, noise)
        return steps * recipe.batch / (time.monotonic() - started)


def _begin(recipe: DistillationRecipe, images: str) -> tuple[Teacher, DistillationState]:
    compute = replace(select_compute(), half=recipe.half)
    teacher = Teacher(recipe.teacher, detail=recipe.detail > 0)
    student = Student(teacher.channels, recipe.init)
    for network in (teacher, student):
        compute.move_module(network)
    optimizer = torch.optim.AdamW(student.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return teacher, DistillationState(recipe, images, student, optimizer, compute)


def _views(views: ViewSource, recipe: DistillationRecipe, step: int, compute: Compute) -> Tensor:
    # The generator depends only on the step, so a resumed run gets the same views as an uninterrupted run.
    generator = Generator().manual_seed(recipe.seed * 1_000_003 + step + recipe.statistics_batches)
    return compute.to_device(views(recipe.batch, generator, recipe.crop))


def _step(run: DistillationState, teacher: Teacher, standard: TeacherStandardize, views: Tensor) -> float:
    set_learning_rate(run.optimizer, run.recipe.rate(run.done))
    with run.compute.autocast():
        with torch.no_grad():
            targets = standard(teacher(views))
        own = run.student(views)
    loss = distillation_loss(own, targets, run.recipe.detail)
    gradient_step(run.optimizer, loss)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"The loss is {value} at step {run.done}. Lower the learning rate.")
    return value
