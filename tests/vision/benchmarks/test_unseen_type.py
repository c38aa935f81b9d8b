"""Leave one type out: the type that is left out teaches nothing, nor does any part that shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError

from mltasks.vision.benchmarks import protocol, unseen_type
from mltasks.vision.benchmarks.active_learning.one_round import FoldScores, review_score
from mltasks.vision.benchmarks.protocol import baseline_recipe
from mltasks.vision.benchmarks.repeated_figures import auroc_value
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.types import DEFECT, GOOD
from tests.tiny_model import small_parts
from tests.vision.benchmark_run import assert_is_share, benchmark_json, run_benchmark


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten good parts, six of each labeled kind of defect."""
    made = tmp_path_factory.mktemp("parts")
    write_image_folder(made, small_parts(3, good=10, scratch=6, excess=6))
    return made


@pytest.mark.slow
def test_the_type_left_out_teaches_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn, calls = unseen_type.train_and_score, list[tuple[Any, list[int], list[int]]]()

    def noted(parts: Any, labeled: list[int], asked: list[int], *rest: Any) -> FoldScores:
        calls.append((parts, labeled, asked))
        return learn(parts, labeled, asked, *rest)

    monkeypatch.setattr(unseen_type, "train_and_score", noted)
    # At its own 224 pixels it would take a minute here.
    monkeypatch.setattr(
        protocol, "baseline_recipe", lambda config: replace(baseline_recipe(config), height=64, width=64)
    )
    found = benchmark_json("leave-one-type-out", folder, detectors=["memory"])

    assert len(calls) == 2 * 3, "Of both recipes: with all types, and without each of two."
    for number, kinds in enumerate([set[str](), {"excess"}, {"scratch"}] * 2):
        parts, labeled, asked = calls[number]
        shown = set(parts.kinds[labeled].tolist())
        assert shown == {"", "excess", "scratch"} - kinds
        assert not set(parts.groups[labeled]) & set(parts.groups[asked])
        assert set(parts.targets[asked].tolist()) == {GOOD, DEFECT}
        if kinds:
            assert set(parts.kinds[asked].tolist()) == {"", *kinds}
    check_rows(found)


def check_rows(result: dict[str, Any]) -> None:
    assert "22 images" in result["protocol"] and "1 seeds" in result["protocol"]
    assert list(result["rows"]) == [
        f"{title}: {name}"
        for title in ("Second Look", "baseline recipe")
        for name in ("all types known", "one unseen type (AUROC)")
    ]
    for title, figures in result["rows"].items():
        for figure in figures.values():
            assert_is_share(figure)
        if "unseen" in title:
            assert list(figures) == ["mean over types", "excess", "scratch"]
            each = [figures[name]["mean"] for name in ("excess", "scratch")]
            assert figures["mean over types"]["mean"] == pytest.approx(np.mean(each))


def test_what_is_unlike_any_label_raises_doubt_as_much_as_what_looks_defective() -> None:
    good = np.array([True] * 4 + [False] * 2)
    logits = np.array([-3.0, -2.5, -2.0, -1.5, -2.0, 4.0])
    strange = np.array([0.6, 0.7, 0.8, 0.7, 5.0, 0.7])
    found = FoldScores(logits, logits, strange)

    assert auroc_value(review_score(found, good), (~good).astype(np.int64)) == 1.0
    # The classifier alone takes the strange part for a good one.
    assert auroc_value(logits, (~good).astype(np.int64)) < 1.0


def test_it_refuses_a_folder_with_one_type_of_defect(tmp_path: Path) -> None:
    write_image_folder(tmp_path, small_parts(4, good=5, scratch=5, excess=0))

    with pytest.raises(CommandError, match="two or more types, not only scratch"):
        run_benchmark("leave-one-type-out", tmp_path)
