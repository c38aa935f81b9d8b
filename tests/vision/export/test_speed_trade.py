"""Time and quality of a real training with more and fewer scores, and the choice of a budget that nothing fits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from safetensors.numpy import load_file

from mltasks.vision.export.learn import LearnedVersion, learn
from mltasks.vision.serving import bundle
from tests.tiny_model import CONFIG, labeled_samples


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> LearnedVersion:
    """A version that no number of removals brings within its budget."""
    folder = tmp_path_factory.mktemp("hurried")
    config = replace(CONFIG, trade_points=6, budget_ms=0.001, score_removals=0)
    return learn(labeled_samples(folder / "parts"), config, folder / "bundle")


@pytest.mark.slow(40)
def test_each_score_set_has_its_time_and_figures(hurried: LearnedVersion) -> None:
    trade = hurried.meta["trade"]
    points = trade["points"]

    assert points[-1]["removals"] <= 0 and len({point["removals"] for point in points}) == len(points) > 1
    assert all(set(small["scores"]) < set(large["scores"]) for small, large in pairwise(points))
    # What decides on novelty stays in the graph, but joins the fusion only where it lowers the loss.
    assert {"segmentation"} <= set(points[0]["scores"]) <= {"segmentation", "places"}
    operations = [point["gflop"] for point in points]
    assert operations == sorted(operations) and operations[0] < operations[-1]
    assert all(point["milliseconds"] > 0 for point in points)
    for point in points:
        assert 0 <= point["review_rate"]["value"] <= 1 and 0 <= point["average_precision"]["value"] <= 1
        assert {"value", "low", "high"} <= set(point["cost_per_1000"]) & set(point["novelty_auroc"])


@pytest.mark.slow
def test_the_fastest_version_is_written_if_none_is_within_the_budget(hurried: LearnedVersion) -> None:
    trade, meta = hurried.meta["trade"], hurried.meta
    (chosen,) = [point for point in trade["points"] if point["chosen"]]

    candidates = [point for point in trade["points"] if point["removals"] >= 0]
    assert chosen["milliseconds"] == min(point["milliseconds"] for point in candidates)
    assert list(meta["fusion"]["weights"]) == chosen["scores"]
    assert meta["config"]["score_removals"] == chosen["removals"] == len(trade["removed"])
    assert set(trade["removed"]) <= set(meta["fusion"]["dropped"])
    # A score that was left out costs no weights; what decides on novelty or gives a map stays.
    heads = {name.split(".")[1] for name in load_file(hurried.bundle_dir / bundle.WEIGHTS) if name.startswith("heads.")}
    deciding = {meta["novelty"]["detector"]} - {"pixels"}
    assert heads == {*chosen["scores"], *deciding, "known", "segmentation"}
    # The report is that of the version that was chosen, and so is the exported graph.
    for name in ("average_precision", "review_rate", "novelty_auroc"):
        assert hurried.report["metrics"][name] == chosen[name]
    assert meta["operations"]["gflop"] == pytest.approx(chosen["gflop"], rel=0.001)
    assert meta["operations"]["gflop_all_scores"] >= meta["operations"]["gflop"]


@pytest.mark.slow
def test_a_training_without_the_comparison_has_none(learned: LearnedVersion) -> None:
    assert learned.meta["trade"] == {} and learned.meta["config"]["score_removals"] == CONFIG.score_removals
