"""The recipe with fewer labels: who is known to a trial, and what a report makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.export.learn import learn
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training import learning_curve_trials
from mltasks.vision.training.fit import check_config
from mltasks.vision.training.learning_curve_trials import plan_trials
from mltasks.vision.types import Progress, Sample
from tests.tiny_model import CONFIG, PLAIN_CONFIG, small_parts


def samples(parts: int, images: int = 1) -> list[Sample]:
    """As many good as defective parts, of so many images each."""
    return [
        Sample(f"{part}-{n}", f"{part * images + n:064x}", Path("x"), part % 2, f"part-{part}")
        for part in range(parts)
        for n in range(images)
    ]


def test_the_fewest_come_first_and_the_next_know_them_too() -> None:
    found = assign_splits(samples(200), TrainConfig())

    few, half = plan_trials(found, TrainConfig())

    assert few.labeled < half.labeled
    assert (len(few.labeled), len(half.labeled)) == (50, 100)
    assert few.folds == half.folds == tuple(f"fold-{number}" for number in range(5))
    for trial in (few, half):
        defective = sum(found[index].target for index in trial.labeled)
        assert 2 * defective == len(trial.labeled)


def test_a_part_is_known_whole_or_not_at_all() -> None:
    found = assign_splits(samples(60, images=4), TrainConfig())

    for trial in plan_trials(found, TrainConfig()):
        known = {found[index].group for index in trial.labeled}
        assert len(trial.labeled) == 4 * len(known)


def test_of_many_images_a_few_folds_are_enough() -> None:
    found = assign_splits(samples(600), TrainConfig())

    assert [len(trial.folds) for trial in plan_trials(found, TrainConfig())] == [3, 3]
    many = assign_splits(samples(1004), TrainConfig())
    assert [trial.folds for trial in plan_trials(many, TrainConfig())] == [("fold-0", "fold-1")]


def test_what_measures_stays_unknown_in_a_holdout() -> None:
    found = assign_splits(samples(200), replace(TrainConfig(), cross_validate_below=10))

    for trial in plan_trials(found, TrainConfig()):
        assert trial.folds == ()
        assert {found[index].split for index in trial.labeled} == {"train", "validation"}


def test_too_few_parts_make_no_point() -> None:
    found = assign_splits(samples(32), TrainConfig())

    [half] = plan_trials(found, TrainConfig())
    assert len(half.labeled) == 16
    assert plan_trials(assign_splits(samples(16), TrainConfig()), TrainConfig()) == []
    assert plan_trials(found, replace(TrainConfig(), curve_shares=())) == []


def test_of_very_many_only_the_largest_share_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curve_trials, "ALL_SHARES_MAX_IMAGES", 39)
    found = assign_splits(samples(40), TrainConfig())

    [half] = plan_trials(found, TrainConfig())
    assert len(half.labeled) == 20


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="curve_shares"):
        check_config(replace(TrainConfig(height=64, width=64), curve_shares=(share,)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "below", "parts"), [(CONFIG, 1000, 32), (PLAIN_CONFIG, 10, 104)], ids=["cross-validation", "holdout"]
)
def test_the_report_shows_what_labels_bring(tmp_path: Path, recipe: TrainConfig, below: int, parts: int) -> None:
    drawn = draw_samples(parts, tmp_path / "parts")
    config = replace(recipe, height=32, width=32, cross_validate_below=below, curve_shares=(0.5,))
    steps: list[Progress] = []

    found = learn(drawn, config, tmp_path / "bundle", steps.append)

    few, everything = found.report["curves"]["labels"]
    labels = found.report["protocol"]["train"] + found.report["protocol"]["validation"]
    assert (few["labels"], everything["labels"]) == (pytest.approx(labels / 2, abs=1), labels)
    assert everything["average_precision"] == found.report["metrics"]["average_precision"]
    assert few["average_precision"]["n"] == everything["average_precision"]["n"]
    assert (found.bundle_dir / "plots" / "labels.svg").exists()
    json.dumps(found.report, allow_nan=False)
    shares = [step.share for step in steps]
    assert shares == sorted(shares) and shares[-1] == 1
    trials = [step for step in steps if step.stage.startswith(f"learning curve with {few['labels']} labels")]
    # No version comes of a trial: the run's curves don't show it.
    assert trials and not any(step.metrics for step in trials)


@pytest.mark.slow
def test_of_many_all_labels_are_weighed_on_the_folds_that_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_curve_trials, "ALL_FOLDS_MAX_IMAGES", 10)
    monkeypatch.setattr(learning_curve_trials, "REDUCED_FOLDS", 2)
    config = replace(PLAIN_CONFIG, height=32, width=32, folds=3, curve_shares=(0.5,))

    found = learn(draw_samples(48, tmp_path / "parts"), config, tmp_path / "bundle")

    few, everything = found.report["curves"]["labels"]
    asked = sum(one["split"] in ("fold-0", "fold-1") for one in found.report["predictions"])
    assert few["average_precision"]["n"] == everything["average_precision"]["n"] == asked < 48
    assert (few["labels"], everything["labels"]) == (24, 48)


def draw_samples(parts: int, folder: Path) -> list[Sample]:
    """So many drawn parts, half of them defective."""
    write_image_folder(folder, small_parts(12, good=parts // 2, scratch=parts // 4, excess=parts // 4))
    return read_folder(folder, grouped=False)
