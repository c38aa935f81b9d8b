"""A plant's images as a lesson: what is read of them, where the student starts, and what a stopped lesson keeps."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.networks.backbones import WeightsError, load_backbone
from mltasks.vision.pretrain.crops import mixed_views, pool_views
from mltasks.vision.pretrain.distillation import DistillationStep, distill
from mltasks.vision.pretrain.distillation_state import DistillationRecipe
from mltasks.vision.pretrain.plant_images import ImagesLost, load_plant_images, random_tile
from mltasks.vision.pretrain.pretrain import PretrainingTask, pretrain_backbone, resolve_task_size
from mltasks.vision.pretrain.pretraining_config import PlantImage, PretrainingConfig
from mltasks.vision.pretrain.student import Student
from mltasks.vision.serving.bundle import file_sha256
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import InputSize, Progress, Roi, no_progress
from tests.tiny_model import CONFIG, labeled_samples

TINY = PretrainingConfig(
    steps=3,
    batch=2,
    crop=64,
    side=96,
    images=8,
    drawn=2,
    statistics_batches=1,
    save_every=1,
    repeats=2,
    threads=1,
)
QUIET = Stage(no_progress)


def pool_images(folder: Path) -> list[PlantImage]:
    return [PlantImage(sample.path, sample.sha256) for sample in labeled_samples(folder)][:6]


def test_tiles_are_cut_from_the_region_at_the_networks_scale(tmp_path: Path) -> None:
    some = [replace(one, roi=Roi(10, 10, 100, 100)) for one in pool_images(tmp_path)]
    pool = load_plant_images(tmp_path / "pool.npy", some, InputSize(128, 64), 96, 7, QUIET)
    assert pool.shape == (6, 96, 96, 3)
    assert pool.dtype == np.uint8
    assert not np.array_equal(pool[0], pool[1])
    steps: list[Progress] = []
    again = load_plant_images(tmp_path / "pool.npy", some, InputSize(128, 64), 96, 7, Stage(steps.append))
    assert np.array_equal(pool, again)
    assert not steps, "It was there already."


def test_a_tile_lies_inside_a_large_image_and_mirrors_a_small_one() -> None:
    large = np.arange(200 * 150 * 3, dtype=np.uint32).reshape(200, 150, 3).astype(np.uint8)
    assert random_tile(large, 96, 1).shape == (96, 96, 3)
    assert not np.array_equal(random_tile(large, 96, 1), random_tile(large, 96, 2))
    assert random_tile(large[:20, :30], 96, 1).shape == (96, 96, 3)


def test_unreadable_and_changed_images_are_left_out(tmp_path: Path) -> None:
    some = pool_images(tmp_path)
    some[0].path.write_bytes(b"no image")
    changed = PlantImage(some[1].path, "0" * 64)
    broken = PlantImage(some[0].path, hashlib.sha256(b"no image").hexdigest())
    pool = load_plant_images(tmp_path / "pool.npy", [broken, changed, *some[2:]], InputSize(64, 64), 96, 7, QUIET)
    assert len(pool) == 4
    assert all(picture.any() for picture in pool)


def test_it_refuses_when_most_images_are_gone(tmp_path: Path) -> None:
    some = [PlantImage(tmp_path / f"{number}.jpg", "0" * 64) for number in range(4)]
    with pytest.raises(ImagesLost, match="Only 0 of 4"):
        load_plant_images(tmp_path / "pool.npy", some, InputSize(64, 64), 96, 7, QUIET)
    assert not (tmp_path / "pool.npy").exists()


def test_a_batch_blends_both_pools() -> None:
    black, white = np.zeros((3, 96, 96, 3), np.uint8), np.full((3, 96, 96, 3), 255, np.uint8)
    views = mixed_views(black, white, 0.25)(8, torch.Generator().manual_seed(1), 64)
    assert views.shape == (8, 3, 64, 64)
    assert mixed_views(black, white, 0.0)(8, torch.Generator().manual_seed(1), 64).shape == (8, 3, 64, 64)


@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_a_taught_student_begins_where_it_was(tmp_path: Path, detail: float) -> None:
    pool = load_plant_images(tmp_path / "pool.npy", pool_images(tmp_path), InputSize(128, 128), 96, 7, QUIET)
    losses: list[float] = []

    def note(step: DistillationStep, _: Student) -> None:
        losses.append(step.loss)

    for init in ("random", "shipped"):
        recipe = DistillationRecipe(
            steps=1, batch=4, crop=64, statistics_batches=2, init=init, detail=detail, half=False
        )
        distill(pool_views(pool), recipe, tmp_path / init, report=note)
    blank, taught = losses
    assert taught < 0.8 * blank


@pytest.mark.slow(9)
def test_a_stopped_lesson_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    task = PretrainingTask(
        pool_images(tmp_path), [], TINY, CONFIG, "shipped", {"shipped": "shipped"}, "shipped", tmp_path / "work"
    )
    whole = pretrain_backbone(task, tmp_path / "whole.safetensors")
    assert whole.comparison is None
    assert whole.card["loss"] > 0

    def stop(step: Progress) -> None:
        if "step 2 of 3" in step.stage:
            raise KeyboardInterrupt

    stopped, steps = replace(task, work_dir=tmp_path / "other"), list[Progress]()
    with pytest.raises(KeyboardInterrupt):
        pretrain_backbone(stopped, tmp_path / "again.safetensors", stop)
    again = pretrain_backbone(stopped, tmp_path / "again.safetensors", steps.append)
    assert again.sha256 == whole.sha256
    assert not any("step 1 of 3" in step.stage for step in steps), "The first step was kept."
    assert any(step.stage.startswith("about a minute for 6 crops at") for step in steps), "It says how long it takes."
    card = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert (card["sha256"], card["started_from"]) == (again.sha256, "shipped")
    # Taken up after its last step, as when only the measurement failed: the same file once more, its loss unknown.
    late = pretrain_backbone(stopped, tmp_path / "late.safetensors")
    assert (late.sha256, late.card["loss"]) == (whole.sha256, None)


def test_a_checkpoint_that_a_power_cut_damaged_is_passed_over(tmp_path: Path) -> None:
    pool = load_plant_images(tmp_path / "pool.npy", pool_images(tmp_path), InputSize(128, 128), 96, 7, QUIET)
    (tmp_path / "checkpoint").write_bytes(b"half a file")
    recipe, done = DistillationRecipe(steps=1, batch=2, crop=64, statistics_batches=1, half=False), list[int]()

    def note(step: DistillationStep, _: Student) -> None:
        done.append(step.done)

    distill(pool_views(pool), recipe, tmp_path / "checkpoint", report=note)
    assert done == [1]


def test_a_damaged_backbone_is_refused_by_its_hash(tmp_path: Path) -> None:
    task = PretrainingTask(
        pool_images(tmp_path),
        [],
        replace(TINY, steps=1),
        CONFIG,
        "shipped",
        {"shipped": "shipped"},
        "shipped",
        tmp_path,
    )
    taught, path = pretrain_backbone(task, tmp_path / "taught.safetensors"), tmp_path / "taught.safetensors"
    _, source = load_backbone("resnet18", f"{path}#sha256={taught.sha256}")
    assert (source.name, source.sha256, source.location) == ("plant", file_sha256(path), str(path))
    with path.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x7f")
    with pytest.raises(WeightsError, match="is damaged: its sha256 is"):
        load_backbone("resnet18", f"{path}#sha256={taught.sha256}")


def test_a_size_that_is_left_open_is_the_one_a_training_chooses(tmp_path: Path) -> None:
    some = [replace(one, roi=Roi(0, 0, 130, 200)) for one in pool_images(tmp_path)]
    task = PretrainingTask(some, [], TINY, TrainConfig(), "shipped", {"shipped": "shipped"}, "shipped", tmp_path)
    config = resolve_task_size(task).config
    assert (config.height, config.width) == (192, 128)


def test_it_refuses_a_lesson_that_cannot_teach() -> None:
    for fields, words in (
        ({"steps": 0}, "steps must be at least 1"),
        ({"crop": 300}, "between 32 px and the tile's 256 px"),
        ({"drawn_share": 1.0}, "drawn_share"),
    ):
        with pytest.raises(ValueError, match=words):
            PretrainingConfig(**fields)
    with pytest.raises(ValueError, match="Unknown pretraining settings: step"):
        PretrainingConfig.from_json({"step": 3})
    assert PretrainingConfig.from_json(TINY.to_json()) == TINY
