"""A backbone that is taught, measured, and used only if it is better; and what a refused or broken one leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from mltasks.models import BackboneRun, DatasetSnapshot, RegisteredModel, TrainingRun
from mltasks.runs import orphaned_files, run_recovery
from mltasks.runs.execution import execute
from mltasks.runs.lease import RunNotAvailable
from mltasks.training import backbone_choice, pretraining, training
from mltasks.training.pretraining import PretrainingRefused
from mltasks.training.pretraining_images import PretrainingImage
from mltasks.vision.networks.backbones import WeightsError
from mltasks.vision.pretrain import backbone_comparison
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig
from mltasks.vision.train_config import TrainConfig
from tests.tiny_model import PLAIN_CONFIG, labeled_samples

TINY = PretrainingConfig(
    steps=1, batch=2, crop=64, side=96, images=8, drawn=2, statistics_batches=1, save_every=1, repeats=2, threads=1
)
AUTO = replace(PLAIN_CONFIG, backbone_weights="auto")
Floats = np.ndarray[Any, np.dtype[np.float64]]


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.VERSIONS_DIR = tmp_path / "versions"


def stored_images() -> list[PretrainingImage]:
    root = Path(settings.MEDIA_ROOT)
    return [PretrainingImage(str(sample.path.relative_to(root)), sample.sha256) for sample in labeled_samples()]


def start_pretraining(model: RegisteredModel, snapshot: DatasetSnapshot | None, **fields: Any) -> BackboneRun:
    return pretraining.start(model, stored_images(), AUTO, TINY, snapshot=snapshot, enqueue=False, **fields)


@pytest.fixture
def set_comparison_result(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Make the measurement say that the new backbone is surely better, or that it is not: by scores, not by decree."""

    def say(is_better: bool) -> None:
        def scores(rows: Floats, samples: list[Any], repeats: int, seed: int) -> Floats:
            targets = np.array([float(sample.target) for sample in samples])
            first = not seen
            seen.append(True)
            good = first == is_better
            return np.tile(targets if good else 1 - targets, (repeats, 1))

        seen: list[bool] = []
        monkeypatch.setattr(backbone_comparison, "out_of_fold_probabilities", scores)

    return say


@pytest.mark.slow
def test_it_is_used_when_it_is_better(
    model: RegisteredModel, snapshot: DatasetSnapshot, set_comparison_result: Callable[[bool], None]
) -> None:
    set_comparison_result(True)
    run = execute(pretraining.PretrainingExecutor(), start_pretraining(model, snapshot))
    assert (run.state, run.adopted, run.stage, run.progress) == ("succeeded", True, "In use", 1.0)
    assert run.path.is_file()
    assert run.evaluation["incumbent"] == "shipped"
    assert run.evaluation["words"].startswith("Used from the next training run on")
    assert backbone_choice.adopted_run(model) == run
    assert run.log.count("Used from the next training run on") == 1
    assert not run.work_dir.exists()

    started = training.start(snapshot, AUTO, trigger=TrainingRun.Trigger.COMMAND, enqueue=False)
    assert started.config["backbone_weights"] == f"{run.path}#sha256={run.sha256}"
    set_comparison_result(True)
    second = execute(pretraining.PretrainingExecutor(), start_pretraining(model, snapshot))
    assert (second.adopted, backbone_choice.adopted_run(model)) == (True, second)
    assert second.card["started_from"] == f"{run.path}#sha256={run.sha256}", "It goes on from the one in use."
    assert set(second.evaluation["candidates"]) == {"new", "current", "shipped"}
    assert second.evaluation["incumbent"] == "current"


@pytest.mark.slow
def test_it_is_kept_but_not_used_when_it_is_not_better(
    model: RegisteredModel, snapshot: DatasetSnapshot, set_comparison_result: Callable[[bool], None]
) -> None:
    set_comparison_result(False)
    run = execute(pretraining.PretrainingExecutor(), start_pretraining(model, snapshot))
    assert (run.state, run.adopted, run.stage) == ("succeeded", False, "Not in use")
    assert run.path.is_file()
    assert "must lie above 0" in run.evaluation["words"]
    assert backbone_choice.adopted_run(model) is None
    assert backbone_choice.resolve_auto_weights(model, AUTO) == AUTO


@pytest.mark.slow
def test_the_next_training_learns_from_it_and_its_version_says_so(
    model: RegisteredModel, snapshot: DatasetSnapshot, set_comparison_result: Callable[[bool], None]
) -> None:
    set_comparison_result(True)
    run = execute(pretraining.PretrainingExecutor(), start_pretraining(model, snapshot))
    version = execute(
        training.TrainingExecutor(), training.start(snapshot, AUTO, trigger=TrainingRun.Trigger.COMMAND, enqueue=False)
    )
    assert version.meta["backbone"]["name"] == "plant"
    assert version.meta["backbone"]["sha256"] == run.sha256

    with run.path.open("r+b") as stream:
        stream.write(b"\x00")
    broken = training.start(snapshot, AUTO, trigger=TrainingRun.Trigger.COMMAND, enqueue=False)
    with pytest.raises(WeightsError, match="is damaged"):
        execute(training.TrainingExecutor(), broken)
    assert "Restore it from a backup, pretrain the backbone again" in TrainingRun.objects.get(pk=broken.pk).error


def test_settings_that_name_their_weights_keep_them(model: RegisteredModel) -> None:
    BackboneRun.objects.create(model=model, state="succeeded", file="plate/x", sha256="a" * 64, adopted=True)
    assert backbone_choice.resolve_auto_weights(model, AUTO).backbone_weights.endswith(f"plate/x#sha256={'a' * 64}")
    shipped = replace(AUTO, backbone_weights="shipped")
    assert backbone_choice.resolve_auto_weights(model, shipped) == shipped
    other = RegisteredModel.objects.create(name="other")
    assert backbone_choice.resolve_auto_weights(other, AUTO) == AUTO


def test_without_labels_enough_it_is_kept_and_says_what_is_missing(model: RegisteredModel) -> None:
    run = execute(
        pretraining.PretrainingExecutor(), start_pretraining(model, None, labels_missing="Label 4 more good parts.")
    )
    assert (run.state, run.adopted) == ("succeeded", False)
    assert run.evaluation["words"] == "Kept, but not measured and therefore not used. Label 4 more good parts."
    assert run.path.is_file()


def test_it_refuses_what_cannot_be_taught(model: RegisteredModel) -> None:
    with pytest.raises(PretrainingRefused, match="no stored image"):
        pretraining.start(model, [], AUTO, TINY, snapshot=None)
    with pytest.raises(PretrainingRefused, match="Only resnet18"):
        pretraining.start(model, stored_images(), TrainConfig(backbone="resnet50"), TINY, snapshot=None)
    start_pretraining(model, None)
    with pytest.raises(PretrainingRefused, match="is already in progress"):
        start_pretraining(model, None)
    assert BackboneRun.objects.count() == 1


def test_a_failed_lesson_says_why_and_can_be_tried_again(model: RegisteredModel) -> None:
    run = start_pretraining(model, None)
    BackboneRun.objects.update(pictures=[["gone.jpg", "0" * 64, ""]])
    with pytest.raises(ValueError, match="Only 0 of 1"):
        execute(pretraining.PretrainingExecutor(), run)
    assert (run.state, run.error) == ("failed", "Only 0 of 1 stored images could be read. Is MEDIA_ROOT complete?")
    pretraining.retry(run, enqueue=False)
    with pytest.raises(RunNotAvailable, match="did not fail"):
        pretraining.retry(run)
    BackboneRun.objects.update(state="failed")
    start_pretraining(model, None)
    with pytest.raises(RunNotAvailable, match="is in progress"):
        pretraining.retry(run)


def test_the_database_allows_one_backbone_in_use_and_none_without_a_file(model: RegisteredModel) -> None:
    whole = {"model": model, "state": "succeeded", "file": "plate/x", "sha256": "a" * 64, "adopted": True}
    BackboneRun.objects.create(**whole)
    for wrong in (whole, {**whole, "file": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            BackboneRun.objects.create(**wrong)


def test_the_sweep_removes_what_no_lesson_needs_and_nothing_else(model: RegisteredModel) -> None:
    ended = BackboneRun.objects.create(model=model, state="failed", attempt=1, finished_at=Now())
    folder = Path(settings.VERSIONS_DIR) / "plate" / "backbones"
    for path in (ended.work_dir, folder):
        path.mkdir(parents=True, exist_ok=True)
    key = ended.key.hex[:8]
    orphan, part = folder / f"backbone-{ended.pk}-1-{key}.safetensors", folder / f"backbone-{ended.pk}-1-{key}.json"
    foreign = folder / f"backbone-{ended.pk}-1-00000000.safetensors"
    for path in (orphan, part, foreign, folder / "mine.safetensors"):
        path.write_bytes(b"x")
    kept = BackboneRun.objects.create(model=model, state="succeeded", attempt=2, sha256="a" * 64)
    kept.file = kept.attempt_file
    kept.save()
    kept.path.write_bytes(b"x")
    assert run_recovery.recover_runs() == 2
    assert {path.name for path in folder.iterdir()} == {
        ended.work_dir.name,
        foreign.name,
        "mine.safetensors",
        kept.path.name,
    }
    BackboneRun.objects.filter(pk=ended.pk).update(finished_at=Now() - orphaned_files.WORK_DIR_LIFETIME)
    assert orphaned_files.remove_orphaned_backbones() == 1
    assert not ended.work_dir.exists()
