"""A plant's own images in, a backbone and what it is worth out: the one call that a teaching process makes.

What is unfinished lies in a folder of the run's own, so that a killed process goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mltasks.vision.networks.backbones import BACKBONES
from mltasks.vision.networks.compute import best, derive_seed
from mltasks.vision.networks.input_size import settle
from mltasks.vision.pretrain.backbone_comparison import NEW, Judgement, judge
from mltasks.vision.pretrain.card import method_of, write_weights
from mltasks.vision.pretrain.crops import blended
from mltasks.vision.pretrain.distillation import Recipe, Step, distil, pace
from mltasks.vision.pretrain.image_pool import Pool, load_pool
from mltasks.vision.pretrain.plant_images import load_stored
from mltasks.vision.pretrain.pretraining_config import Lesson, Picture, duration
from mltasks.vision.pretrain.student import Student
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import GOOD, InputSize, ProgressCallback, Sample, TrainConfig, no_progress

LOOKING, TEACHING = 0.1, 0.85  # the progress at which these end


@dataclass(frozen=True, slots=True)
class Task:
    """What to teach, from what, and what to measure it against.

    ``start`` and the values of ``rivals`` are what ``load_backbone`` takes; ``incumbent`` is a name among the rivals.
    ``work`` is the run's own folder, which the caller removes; without ``samples`` nothing is measured.
    """

    pictures: Sequence[Picture]
    samples: Sequence[Sample]
    lesson: Lesson
    config: TrainConfig
    start: str
    rivals: Mapping[str, str]
    incumbent: str
    work: Path


@dataclass(frozen=True, slots=True)
class Taught:
    """A backbone on disk: its file's sha256, its card, and its measurement where there were labels enough."""

    sha256: str
    card: dict[str, Any]
    judgement: Judgement | None


def imagenet_at_hand() -> bool:
    """Whether torchvision's ImageNet weights lie in the torch hub cache: they are measured too, then."""
    return BACKBONES["resnet18"].hub.path.is_file()


def teach(task: Task, out: Path, progress: ProgressCallback = no_progress) -> Taught:
    """Distil, write ``out`` with its card, and measure. Goes on from what ``task.work`` holds.

    Raises PicturesLost, WeightsError for weights that can't be used, FloatingPointError, NotEnoughLabels (without
    samples nothing is measured), and ValueError naming a labeled image that can't be read.
    """
    whole, task = Stage(progress), settled(task)
    if task.lesson.threads:
        torch.set_num_threads(task.lesson.threads)
    own, drawn = _pools(task, whole)
    recipe = recipe_of(task)
    student, step = _distilled(task, recipe, own, drawn, whole.part(LOOKING, TEACHING))
    card = {
        "images": f"{len(own)} stored images of the plant, {len(drawn)} drawn pictures",
        "unreadable": len(task.pictures) - len(own),
        "started_from": task.start,
        "lesson": task.lesson.to_json(),
        "input": [task.config.height, task.config.width],
        **method_of(recipe, recipe.steps, step.loss),
    }
    digest = write_weights(student.network, out, card)
    judgement = _judged(task, out, whole.part(TEACHING, 1))
    return Taught(digest, card, judgement)


def settled(task: Task) -> Task:
    """The task at the size that a training of the product would choose."""
    unlabeled = [
        Sample(one.path.name, one.sha256, one.path, GOOD, one.sha256, roi=one.roi, bit_depth=one.bit_depth)
        for one in task.pictures
    ]
    return replace(task, config=settle(task.config, task.samples or unlabeled))


def recipe_of(task: Task) -> Recipe:
    """The distillation's recipe."""
    lesson = task.lesson
    return Recipe(
        steps=lesson.steps,
        seed=lesson.seed,
        batch=lesson.batch,
        crop=lesson.crop,
        learning_rate=lesson.learning_rate,
        statistics_batches=lesson.statistics_batches,
        init=task.start,
        detail=lesson.detail,
        half=best().half,
    )


def _pools(task: Task, whole: Stage) -> tuple[Pool, Pool]:
    lesson, seed = task.lesson, derive_seed(task.lesson.seed, "drawn")
    size = InputSize(task.config.height, task.config.width)
    looking = whole.part(0, LOOKING * 0.7, "reading stored images")
    own = load_stored(task.work / "stored.npy", task.pictures, size, lesson.side, lesson.seed, looking)

    def say(words: str) -> None:
        whole.report(LOOKING * 0.8, words)

    # In this process: it may be killed, and drawing processes would stay behind.
    return own, load_pool(task.work, seed % 1_000_000, lesson.drawn, lesson.side, 0, say)


def _distilled(task: Task, recipe: Recipe, own: Pool, drawn: Pool, stage: Stage) -> tuple[Student, Step]:
    speed = pace(recipe)
    crops = recipe.steps * recipe.batch
    stage.report(0, f"{duration(crops, speed)} for {crops} crops at {speed:.1f}/s")
    last = Step(recipe.steps, float("nan"), speed)

    def report(step: Step, _: Student) -> None:
        nonlocal last
        last = step
        left = f"step {step.done} of {recipe.steps}, {step.crops_per_s:.1f} crops/s"
        if step.done < recipe.steps:
            left += f", {duration((recipe.steps - step.done) * recipe.batch, step.crops_per_s)} left"
        metrics = {"step": step.done, "loss": step.loss, "crops_per_s": step.crops_per_s}
        stage.report(step.done / recipe.steps, f"learning, {left}", metrics)

    views = blended(own, drawn, task.lesson.drawn_share)
    every = min(task.lesson.save_every, recipe.steps)
    student = distil(views, recipe, task.work / "checkpoint.safetensors", report_every=every, report=report)
    return student, last


def _judged(task: Task, out: Path, stage: Stage) -> Judgement | None:
    if not task.samples:
        return None
    return judge(
        task.samples,
        task.config,
        {NEW: str(out), **task.rivals},
        task.incumbent,
        repeats=task.lesson.repeats,
        most=task.lesson.measured,
        stage=stage,
    )
