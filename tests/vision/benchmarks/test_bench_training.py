"""`make bench-training`: the same parts for both, only learning is timed, and who was where first."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.benchmarks.training import seed_loop
from mltasks.vision.benchmarks.training import split as splitting
from mltasks.vision.benchmarks.training.ours import ProductRun
from mltasks.vision.benchmarks.training.outcome import RunComparison, compare_runs
from mltasks.vision.benchmarks.training.run import report_comparisons, run_bench
from mltasks.vision.benchmarks.training.seed_loop import BaselineEpoch, BaselineNetwork, BaselineRun, run_baseline
from mltasks.vision.benchmarks.training.split import Split, split_in_half, take_share, write_drawn_parts
from mltasks.vision.benchmarks.training.watch import Elapsed, Stopwatch
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.types import Sample
from tests.tiny_model import CONFIG
from tests.vision.sample_images import svg_text

TINY = replace(CONFIG, batch_size=16)
# Ranks the first two, which are defective, first; half right; last.
BEST, MIXED, WORST = np.array([4.0, 3, 2, 1, 0, 0]), np.array([4.0, 1, 2, 3, 0, 0]), np.array([0.0, 1, 2, 3, 4, 5])


@pytest.fixture
def small_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures of few parts."""
    for name, count in (("GOOD", 16), ("SCRATCH", 8), ("EXCESS", 8)):
        monkeypatch.setattr(splitting, name, count)
    monkeypatch.setattr(seed_loop, "SIDE", 64)


def fake_split() -> Split:
    parts = [Sample(f"{n}", f"sha-{n}", Path(f"{n}.jpg"), int(n < 2), f"part-{n}") for n in range(6)]
    return Split([], parts, 7)


def make_our_run(seconds: float, scores: np.ndarray) -> ProductRun:
    return ProductRun(Elapsed(1, 1), Elapsed(seconds / 2, seconds / 2), Elapsed(seconds, seconds), scores, scores)


def make_seed_run(*epochs: np.ndarray) -> BaselineRun:
    """Ten seconds an epoch, each better than the one before, and five for the autoencoder."""
    made = [BaselineEpoch(Elapsed(10.0 * n, 10.0 * n), one, 1 / n) for n, one in enumerate(epochs, 1)]
    return BaselineRun(made, Elapsed(5, 5))


def make_outcome(run: ProductRun, seed: BaselineRun) -> RunComparison:
    return compare_runs(fake_split(), run, seed)


@pytest.mark.slow
@pytest.mark.usefixtures("small_dataset")
def test_both_learn_and_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run_bench(TINY, plot=tmp_path / "curve.svg")

    said = capsys.readouterr().out
    assert "32 drawn parts, half of them measured" in said and "1 threads on" in said
    assert "epoch 1:" in said and "epoch 2:" not in said
    assert "classifier alone" in said and "times as fast to the same average precision" in said
    assert said.rstrip().endswith("FAIL" if status else "PASS")
    assert "Average precision by seconds of training" in svg_text(tmp_path / "curve.svg")


@pytest.mark.slow
@pytest.mark.usefixtures("small_dataset")
def test_no_part_is_on_both_sides_and_all_kinds_are_on_each(tmp_path: Path) -> None:
    parts = write_drawn_parts(tmp_path)
    split = split_in_half(parts, 0)

    assert len(split.train) + len(split.test) == len(parts) == 32
    assert not {one.group for one in split.train} & {one.group for one in split.test}
    for side in (split.train, split.test):
        assert {one.defect_type for one in side} == {"", "scratch", "excess"}
    assert {one.name for one in split_in_half(parts, 1).train} != {one.name for one in split.train}
    assert len(take_share(parts, 0.5)) == pytest.approx(16, abs=2) and take_share(parts, 1) == parts


@pytest.mark.slow
@pytest.mark.usefixtures("small_dataset")
def test_the_seeds_loop_learns_its_last_stage_alone_and_measuring_takes_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[BaselineNetwork] = []

    class Kept(BaselineNetwork):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(seed_loop, "BaselineNetwork", Kept)
    split = split_in_half(write_drawn_parts(tmp_path), 0)
    with reproducible(1) as compute:
        *_, last = run_baseline(split, replace(TINY, backbone_weights="shipped"), compute)
        again = next(run_baseline(split, replace(TINY, backbone_weights="shipped"), compute))

    before = load_backbone("resnet18", "shipped")[0].state_dict()
    changed = {name for name, tensor in made[0].backbone.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and {name.split(".")[0] for name in changed} == {"layer4"}
    assert len(last.epochs) == 1 and last.best_epoch == 0 and last.autoencoder.wall_s > 0
    assert last.epochs[0].scores.shape == (len(split.test),)
    assert np.array_equal(last.epochs[0].scores, again.epochs[0].scores), "The same seed gives the same weights."


def test_only_what_runs_inside_is_counted() -> None:
    watch = Stopwatch()
    with watch.measure():
        time.sleep(0.05)
    time.sleep(0.2)
    with watch.measure():
        sum(range(100_000))

    assert 0.05 <= watch.elapsed.wall_s < 0.2
    assert 0 < watch.elapsed.cpu_s < watch.elapsed.wall_s


def test_the_goal_is_what_both_reach_and_the_first_epoch_that_does_counts() -> None:
    one = make_outcome(make_our_run(4.0, BEST), make_seed_run(WORST, MIXED, MIXED))

    assert (
        one.full_speed.target_precision == pytest.approx(one.baseline.value)
        and one.full_speed.target_precision < 1 == one.product.value
    )
    # Two epochs and the autoencoder; without it in the classifiers' race.
    assert (one.full_speed.baseline, one.classifier_speed.baseline) == (Elapsed(25, 25), Elapsed(20, 20))
    assert one.full_speed.speedup(on_processor=False) == pytest.approx(25 / 4)
    assert one.speed_to_product_precision.baseline is None and one.speed_to_product_precision.baseline_total == Elapsed(
        35, 35
    )


def test_three_times_as_fast_and_as_good_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        report_comparisons([make_outcome(make_our_run(8.0, BEST), make_seed_run(WORST, BEST))], on_processor=True) == 0
    )
    assert capsys.readouterr().out.rstrip().endswith("3.1 times as fast to the same average precision; target 3\nPASS")
    assert (
        report_comparisons([make_outcome(make_our_run(9.0, BEST), make_seed_run(WORST, BEST))], on_processor=True) == 1
    )


def test_what_never_came_there_took_more_than_all_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    report_comparisons([make_outcome(make_our_run(5.0, BEST), make_seed_run(WORST, MIXED))], on_processor=False)

    assert "> 25 (25)" in capsys.readouterr().out


def test_fast_but_less_precise_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_comparisons([make_outcome(make_our_run(1.0, WORST), make_seed_run(BEST))], on_processor=True) == 1
    assert "ours is less precise" in capsys.readouterr().out
