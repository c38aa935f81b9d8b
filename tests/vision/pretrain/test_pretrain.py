"""The distillation, end to end on a few tiny pictures: reproducible, resumable, and read back by the backbone."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.efficientnet_lite import EfficientNetLiteMaps
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.pretrain import __main__ as command
from mltasks.vision.pretrain.crops import crop_batch, pool_views
from mltasks.vision.pretrain.distillation import DistillationStep, DistillationStopped, distill
from mltasks.vision.pretrain.distillation_state import CheckpointMismatchError, DistillationRecipe
from mltasks.vision.pretrain.image_pool import ImagePool, load_pool
from mltasks.vision.pretrain.student import Student
from mltasks.vision.pretrain.teacher import TEACHERS, Teacher, teacher_card
from mltasks.vision.pretrain.transfer import last_map_function, pooled_features, probe, read_folder, summarize
from mltasks.vision.serving.bundle import file_sha256
from tests.tiny_model import small_parts

TWO_STEPS = DistillationRecipe(steps=2, batch=2, crop=64, statistics_batches=1, cooldown=0.5, half=False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pool")


@pytest.fixture(scope="module")
def pool(cache: Path) -> ImagePool:
    return load_pool(cache, seed=5, count=6, side=96, workers=1)


def ignore(_: DistillationStep, __: Student) -> None:
    return


def arguments(cache: Path, out: Path, *options: str) -> list[str]:
    """Two steps on the six pictures; a later option replaces an earlier one."""
    sizes = ["--images=6", "--side=96", "--steps=2", "--batch=2", "--crop=64", "--seed=5", "--report-every=1"]
    return [*sizes, f"--cache={cache}", f"--out={out}", *options]


def run(cache: Path, out: Path, *options: str) -> str:
    command.main(arguments(cache, out, *options))
    return file_sha256(out)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(cache: Path, pool: ImagePool, tmp_path: Path) -> None:
    first = run(cache, tmp_path / "first.safetensors")
    again = run(cache, tmp_path / "again.safetensors")

    assert first == again
    card = json.loads((tmp_path / "first.json").read_text(encoding="utf-8"))
    assert (card["sha256"], card["steps_done"], card["recipe"]["seed"]) == (first, 2, 5)
    assert card["teacher"]["licence"] == "Apache-2.0"
    assert not list(cache.glob("checkpoint*")), "a finished run leaves no checkpoint"

    network, source = load_backbone("resnet18", str(tmp_path / "first.safetensors"))
    assert source.sha256 == first
    assert bool((network.state_dict()["bn1.running_mean"] != 0).any()), "batch norm's statistics are in the file"


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(pool: ImagePool, tmp_path: Path) -> None:
    recipe = DistillationRecipe(steps=3, batch=2, crop=64, statistics_batches=1, half=False)
    checkpoint = tmp_path / "resume.safetensors"

    def stop_at_two(step: DistillationStep, _: Student) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    whole = distill(pool_views(pool), recipe, tmp_path / "whole.safetensors", report_every=1, report=ignore)
    with pytest.raises(KeyboardInterrupt):
        distill(pool_views(pool), recipe, checkpoint, report_every=1, report=stop_at_two)
    resumed = distill(pool_views(pool), recipe, checkpoint, report_every=1, report=ignore)

    expected = whole.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.state_dict().items())


@pytest.mark.slow(8)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_step_and_the_same_command_goes_on(
    cache: Path, pool: ImagePool, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    steps, again, before = "--steps=6", tmp_path / "again.safetensors", signal.getsignal(number)
    whole = run(cache, tmp_path / "whole.safetensors", steps)
    command_line = [sys.executable, "-m", "mltasks.vision.pretrain", *arguments(cache, again, steps)]
    lines = []
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("step 1/6 "):
                process.send_signal(number)

    assert process.returncode == 128 + number, lines
    stopped = re.fullmatch(r"Stopped after step ([1-5]) of 6\. To continue, run the same command again\.\n", lines[-1])
    assert stopped, lines
    assert not again.exists(), "no half-trained weights"

    capsys.readouterr()
    assert run(cache, again, steps) == whole
    assert capsys.readouterr().out.startswith(f"step {int(stopped[1]) + 1}/6 ")
    assert signal.getsignal(number) is before


@pytest.fixture
def checkpoint(pool: ImagePool, tmp_path: Path) -> Path:
    """A checkpoint after one step of two, before the learning rate falls."""
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(DistillationStopped, match="after step 1 of 2"):
        distill(pool_views(pool), TWO_STEPS, path, images="six", report=ignore, stop=lambda: True)
    return path


@pytest.mark.slow(4)
def test_a_checkpoint_of_another_run_is_refused(checkpoint: Path, pool: ImagePool) -> None:
    for recipe, images, words in (
        (replace(TWO_STEPS, seed=8), "six", "seed 7 instead of 8. Use"),
        (
            replace(TWO_STEPS, teacher="efficientnet_lite2"),
            "six",
            "teacher efficientnet_lite0 instead of efficientnet_l",
        ),
        (TWO_STEPS, "seven", "images six instead of seven"),
        (replace(TWO_STEPS, steps=20), "six", "steps 2 instead of 20. Use"),  # its warm-up is longer
    ):
        with pytest.raises(CheckpointMismatchError, match=f"after 1 steps belongs to another run: {words}"):
            distill(pool_views(pool), recipe, checkpoint, images=images, report=ignore)
    assert checkpoint.is_file()


@pytest.mark.slow(4)
def test_a_run_can_be_made_longer_before_its_learning_rate_falls(
    checkpoint: Path, pool: ImagePool, tmp_path: Path
) -> None:
    longer = replace(TWO_STEPS, steps=4)
    resumed = distill(pool_views(pool), longer, checkpoint, images="six", report=ignore)
    whole = distill(pool_views(pool), longer, tmp_path / "whole", images="six", report=ignore)

    expected = whole.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.state_dict().items())


def test_the_learning_rate_rises_stays_and_falls() -> None:
    recipe = DistillationRecipe(steps=100, warmup=10, learning_rate=1.0, cooldown=0.5)
    rates = [recipe.rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert set(rates[10:51]) == {1.0}
    assert rates[75] == pytest.approx(0.5)
    assert rates[99] < 0.01
    assert replace(recipe, cooldown=1.0).rate(55) == pytest.approx(0.5)


@pytest.mark.parametrize("name", TEACHERS)
def test_each_teacher_gives_maps_of_its_channels(name: str) -> None:
    teacher = Teacher(name, detail=True)
    image = torch.rand(1, 3, 64, 64)
    maps = teacher(image)
    sides = [(len(features[0]), features.shape[-1]) for features in maps]
    assert sides == list(zip(teacher.channels, (16, 8, 4, 2), strict=True))
    assert len(teacher_card(name)["sha256"]) == 64
    packaged, taps = PACKAGED_NETWORKS[name], teacher.taps
    unfolded = EfficientNetLiteMaps(load_packaged(packaged, "packaged")[0], taps)(image)
    for folded, expected in zip(maps, unfolded, strict=True):
        assert torch.allclose(folded, expected, atol=1e-3 * float(expected.std()))
    with pytest.raises(ValueError, match="Unknown teacher 'resnet18'"):
        Teacher("resnet18")


@pytest.mark.slow
def test_it_learns_what_the_teacher_sees(pool: ImagePool, tmp_path: Path) -> None:
    losses: list[float] = []
    recipe = DistillationRecipe(steps=12, batch=4, crop=64, statistics_batches=2, half=False)
    distill(pool_views(pool), recipe, tmp_path / "c", report_every=3, report=lambda step, _: losses.append(step.loss))

    assert losses[-1] < 0.95 * losses[0]


def test_the_pool_is_drawn_once(cache: Path, pool: ImagePool) -> None:
    said: list[str] = []
    again = load_pool(cache, seed=5, count=6, side=96, workers=1, report=said.append)

    assert not said
    assert np.array_equal(again, pool)


def test_crops_depend_on_their_generator_alone(pool: ImagePool) -> None:
    views = [crop_batch(pool, 3, torch.Generator().manual_seed(seed), 64) for seed in (1, 1, 2)]

    assert views[0].shape == (3, 3, 64, 64)
    assert float(views[0].min()) >= 0
    assert float(views[0].max()) <= 1
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


@pytest.mark.slow
def test_transfer_is_measured_on_a_folder_of_parts(tmp_path: Path) -> None:
    write_image_folder(tmp_path, small_parts(3, good=6, scratch=3, excess=3))
    paths, targets = read_folder(tmp_path, frozenset())
    rows = pooled_features(paths, last_map_function("random"), 64, 64)

    result = summarize("random", probe(rows, targets, repeats=2), targets, resamples=100)

    assert rows.shape == (12, 1024)
    assert result.parts == 12
    assert 0 <= result.auroc_interval[0] <= result.auroc <= result.auroc_interval[1] <= 1


def test_transfer_refuses_a_folder_without_good_parts(tmp_path: Path) -> None:
    write_image_folder(tmp_path, small_parts(3, good=0, scratch=2, excess=0))

    with pytest.raises(ValueError, match="at least five good"):
        read_folder(tmp_path, frozenset())
