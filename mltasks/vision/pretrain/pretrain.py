"""Pretraining run: distill a backbone on a plant's images and compare it with others.

Intermediate results are in a folder of the run's own, so that a killed process resumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mltasks.vision.networks.backbones import BACKBONES
from mltasks.vision.networks.compute import derive_seed, select_compute
from mltasks.vision.networks.input_size import resolve_input_size
from mltasks.vision.pretrain.backbone_comparison import NEW_BACKBONE, BackboneComparison, compare_backbones
from mltasks.vision.pretrain.card import distillation_card, write_weights
from mltasks.vision.pretrain.crops import mixed_views
from mltasks.vision.pretrain.distillation import DistillationStep, distill, measure_speed
from mltasks.vision.pretrain.distillation_state import DistillationRecipe
from mltasks.vision.pretrain.image_pool import ImagePool, load_pool
from mltasks.vision.pretrain.plant_images import load_plant_images
from mltasks.vision.pretrain.pretraining_config import PlantImage, PretrainingConfig, format_duration
from mltasks.vision.pretrain.student import Student
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import GOOD, InputSize, ProgressCallback, Sample, no_progress

READING_END, DISTILLATION_END = 0.1, 0.85  # progress at the end of reading and of distillation


@dataclass(frozen=True, slots=True)
class PretrainingTask:
    """Inputs of a pretraining run.

    ``start`` and the values of ``other_weights`` are what ``load_backbone`` takes; ``incumbent`` is a key of
    ``other_weights``. ``work_dir`` is the run's own folder, which the caller removes. Without ``samples`` nothing is
    measured.
    """

    images: Sequence[PlantImage]
    samples: Sequence[Sample]
    pretraining: PretrainingConfig
    config: TrainConfig
    start: str
    other_weights: Mapping[str, str]
    incumbent: str
    work_dir: Path


@dataclass(frozen=True, slots=True)
class PretrainedBackbone:
    """Backbone on disk: its file's sha256, its card, and its comparison (None without samples)."""

    sha256: str
    card: dict[str, Any]
    comparison: BackboneComparison | None


def imagenet_is_cached() -> bool:
    """Return True if torchvision's ImageNet weights are in the torch hub cache.

    They are then a candidate of the comparison.
    """
    return BACKBONES["resnet18"].hub_file.path.is_file()


def pretrain_backbone(task: PretrainingTask, out: Path, progress: ProgressCallback = no_progress) -> PretrainedBackbone:
    """Distill, write ``out`` with its card, and measure; resumes from ``task.work_dir``.

    Raises ImagesLost, WeightsError for unusable weights, FloatingPointError, NotEnoughLabels (unless ``samples`` is
    empty), and ValueError naming an unreadable labeled image.
    """
    whole, task = Stage(progress), resolve_task_size(task)
    if task.pretraining.threads:
        torch.set_num_threads(task.pretraining.threads)
    own, drawn = _pools(task, whole)
    recipe = distillation_recipe(task)
    student, step = _distill(task, recipe, own, drawn, whole.substage(READING_END, DISTILLATION_END))
    card = {
        "images": f"{len(own)} stored images of the plant, {len(drawn)} drawn images",
        "unreadable": len(task.images) - len(own),
        "started_from": task.start,
        "lesson": task.pretraining.to_json(),
        "input": [task.config.height, task.config.width],
        **distillation_card(recipe, step),
    }
    digest = write_weights(student.network, out, card)
    comparison = _compare(task, out, whole.substage(DISTILLATION_END, 1)) if task.samples else None
    return PretrainedBackbone(digest, card, comparison)


def resolve_task_size(task: PretrainingTask) -> PretrainingTask:
    """Return the task at the input size that a training of the product would choose."""
    unlabeled = [
        Sample(image.path.name, image.sha256, image.path, GOOD, image.sha256, roi=image.roi, bit_depth=image.bit_depth)
        for image in task.images
    ]
    return replace(task, config=resolve_input_size(task.config, task.samples or unlabeled))


def distillation_recipe(task: PretrainingTask) -> DistillationRecipe:
    """Return the distillation's recipe."""
    settings = task.pretraining
    return DistillationRecipe(
        steps=settings.steps,
        seed=settings.seed,
        batch=settings.batch,
        crop=settings.crop,
        learning_rate=settings.learning_rate,
        statistics_batches=settings.statistics_batches,
        init=task.start,
        detail=settings.detail,
        half=select_compute().half,
    )


def _pools(task: PretrainingTask, whole: Stage) -> tuple[ImagePool, ImagePool]:
    settings, seed = task.pretraining, derive_seed(task.pretraining.seed, "drawn") % 1_000_000
    size = InputSize(task.config.height, task.config.width)
    part = whole.substage(0, READING_END * 0.7, "reading stored images")
    own = load_plant_images(task.work_dir / "stored.npy", task.images, size, settings.side, settings.seed, part)
    # Drawn in this process: after a kill, other drawing processes would stay behind.
    report = partial(whole.report, READING_END * 0.8)
    return own, load_pool(task.work_dir, seed, settings.drawn, settings.side, 0, report)


def _distill(
    task: PretrainingTask, recipe: DistillationRecipe, plant_pool: ImagePool, drawn_pool: ImagePool, stage: Stage
) -> tuple[Student, DistillationStep]:
    speed = measure_speed(recipe)
    crops = recipe.steps * recipe.batch
    stage.report(0, f"{format_duration(crops, speed)} for {crops} crops at {speed:.1f}/s")
    last = DistillationStep(recipe.steps, float("nan"), speed)

    def report(step: DistillationStep, _: Student) -> None:
        nonlocal last
        last = step
        left = f"step {step.done} of {recipe.steps}, {step.crops_per_s:.1f} crops/s"
        if step.done < recipe.steps:
            left += f", {format_duration((recipe.steps - step.done) * recipe.batch, step.crops_per_s)} left"
        metrics = {"step": step.done, "loss": step.loss, "crops_per_s": step.crops_per_s}
        stage.report(step.done / recipe.steps, f"distilling, {left}", metrics)

    views = mixed_views(plant_pool, drawn_pool, task.pretraining.drawn_share)
    every = min(task.pretraining.save_every, recipe.steps)
    student = distill(views, recipe, task.work_dir / "checkpoint.safetensors", report_every=every, report=report)
    return student, last


def _compare(task: PretrainingTask, out: Path, stage: Stage) -> BackboneComparison:
    return compare_backbones(
        task.samples,
        task.config,
        {NEW_BACKBONE: str(out), **task.other_weights},
        task.incumbent,
        repeats=task.pretraining.repeats,
        max_images=task.pretraining.measured,
        stage=stage,
    )
