"""The learning curve: the trunk looks once, locked parts never teach, and what a strategy needs is read rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError

from mltasks.vision.benchmarks.active_learning import strategy_curve
from mltasks.vision.benchmarks.active_learning.label_arrivals import LabelingPlan, StrategyCurve, compare_strategies
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features import feature_bank
from mltasks.vision.types import Sample
from tests.tiny_model import small_parts
from tests.vision.benchmark_run import benchmark_json, run_benchmark

SMALL = {"start_good": 5, "start_defective": 5, "a_night": 3, "nights": 2, "detectors": ["memory"]}
NEEDS = "labels to reach 98% of all labels' average precision"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen good parts, eight of each labeled kind of defect."""
    made = tmp_path_factory.mktemp("parts")
    write_image_folder(made, small_parts(7, good=16, scratch=8, excess=8))
    return made


class TrainingRecorder:
    """Which images were read for the trunk and what was learned from what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.images: list[str] = []
        self.rounds: list[tuple[Any, list[int], list[int]]] = []
        read, learn = feature_bank.read_sample, strategy_curve.train_and_score

        def looked(sample: Sample, config: TrainConfig) -> Any:
            self.images.append(sample.name)
            return read(sample, config)

        def learned(parts: Any, labeled: list[int], asked: list[int], *rest: Any) -> Any:
            self.rounds.append((parts, list(labeled), list(asked)))
            return learn(parts, labeled, asked, *rest)

        monkeypatch.setattr(feature_bank, "read_sample", looked)
        monkeypatch.setattr(strategy_curve, "train_and_score", learned)


@pytest.mark.slow
def test_it_measures_each_night_of_each_strategy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = TrainingRecorder(monkeypatch)
    found = benchmark_json("learning-curve", folder, "--repeats", "2", **{**SMALL, "nights": 1})

    rows = found["rows"]
    assert list(rows) == ["all labels", "expected_cost", "random", NEEDS]
    nights = ["night 0, 10 labels", "night 1, 13 labels"]
    for name in ("expected_cost", "random"):
        assert list(rows[name]) == nights
        assert all(0 < figure["mean"] <= 1 and figure["runs"] == 2 for figure in rows[name].values())
    # Before the first night both have the same labels.
    assert rows["expected_cost"][nights[0]] == rows["random"][nights[0]]
    assert {"labels by random", "reached by random", "expected_cost / random"} < set(rows[NEEDS])

    # Each part once, whatever the number of nights, strategies and seeds
    assert len(watched.images) == len(set(watched.images)) == 32
    # A seed learns from all labels, from the first ones once for both strategies, and on one night of each.
    assert len(watched.rounds) == 2 * (1 + 1 + 2)


@pytest.mark.slow
def test_the_locked_parts_never_teach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = TrainingRecorder(monkeypatch)
    run_benchmark("learning-curve", folder, **SMALL)

    parts, stream, locked = watched.rounds[0]
    assert len(stream) + len(locked) == 32 and set(parts.targets[locked].tolist()) == {0, 1}
    assert not set(parts.groups[stream]) & set(parts.groups[locked])
    assert len(locked) == pytest.approx(0.3 * 32, abs=2)
    start = watched.rounds[1][1]
    assert np.bincount(parts.targets[start]).tolist() == [5, 5]
    for _, labeled, asked in watched.rounds[1:]:
        assert set(start) <= set(labeled) <= set(stream) and len(set(labeled)) == len(labeled)
        assert asked[: len(locked)] == locked
        assert not set(asked) & set(labeled)
    assert [len(labeled) for _, labeled, _ in watched.rounds[1:]] == [10, 13, 16, 13, 16]


@pytest.mark.slow
def test_other_strategies_can_be_asked(folder: Path) -> None:
    rows = benchmark_json("learning-curve", folder, **{**SMALL, "nights": 1, "strategies": ["novelty"]})["rows"]

    assert list(rows) == ["all labels", "novelty", NEEDS]
    assert list(rows[NEEDS]) == ["labels by novelty", "reached by novelty"], "Without chance there is no ratio."


def test_labels_needed_lie_on_the_line_between_nights() -> None:
    one = StrategyCurve([37, 77, 117], [0.5, 0.78, 0.98], 900, 1.0)

    assert one.goal_reached and one.labels_needed() == pytest.approx(117)
    assert StrategyCurve([37, 77, 117], [0.5, 0.96, 1.0], 900, 1.0).labels_needed() == pytest.approx(97)
    # From the first label on, and with few labels better than with all
    assert StrategyCurve([37, 77], [0.99, 0.5], 900, 1.0).labels_needed() == 37


def test_labels_needed_beyond_the_nights_are_marked() -> None:
    late = StrategyCurve([37, 77], [0.5, 0.88], 177, 1.0)

    assert not late.goal_reached
    assert late.labels_needed() == pytest.approx(77 + 100 * 0.10 / 0.12)


def test_a_strategy_is_compared_with_chance() -> None:
    found = compare_strategies(
        {
            "novelty": StrategyCurve([40, 60], [0.5, 0.98], 900, 1.0),
            "random": StrategyCurve([40, 60], [0, 0.5], 108, 1.0),
        }
    )

    assert found["labels by novelty"] == pytest.approx(60) and found["reached by novelty"] == 1
    assert found["labels by random"] == pytest.approx(60 + 48 * 0.96) and found["reached by random"] == 0
    assert found["novelty / random"] == pytest.approx(60 / (60 + 48 * 0.96))


def test_asking_is_taken_out_of_the_settings() -> None:
    asking, rest = LabelingPlan.from_settings({"nights": 3, "views": 2, "strategies": ["random"]})

    assert (asking.nights, asking.strategies, asking.a_night, asking.start_labels) == (3, ("random",), 40, 37)
    assert rest == {"views": 2}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strategies": ["luck"]}, "Unknown strategies: luck"),
        ({"nights": 0}, "Use 1 or more for"),
        ({"start_good": 400}, "too few of a class to start with 400 good"),
        ({"night": 3}, "Unknown training settings: night"),
    ],
)
def test_it_refuses_what_cannot_be_asked(folder: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run_benchmark("learning-curve", folder, **{**SMALL, **settings})
