"""A fast path learns from the full graph's answers, and serves as its certificate was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.fast_path.screening_learning import LearnedFastPath, NothingSaved, learn_fast_path
from mltasks.vision.fast_path.screening_network import (
    MAX_OPERATIONS,
    Depth,
    ScreeningFeatures,
    TooManyOperations,
    choose_features,
)
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.screening_certificate import TooFewParts
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.screener import Screener
from mltasks.vision.training.features.feature_bank import read_pixels
from tests.vision.fast_path.drawn_answers import LOOSE, SIZE, drawn_answers, drawn_task


@pytest.fixture(scope="module")
def fast_path(learned: LearnedVersion, tmp_path_factory: pytest.TempPathFactory) -> LearnedFastPath:
    folder = tmp_path_factory.mktemp("answers")
    return learn_fast_path(drawn_task(folder, learned.bundle_dir), folder / "fast", {"version_sha256": learned.sha256})


def test_it_separates_what_the_full_graph_passes(fast_path: LearnedFastPath, tmp_path: Path) -> None:
    screener = Screener.load(fast_path.directory, expected_sha256=fast_path.sha256, threads=1)
    passed: dict[bool, list[bool]] = {True: [], False: []}
    for image in drawn_answers(tmp_path):
        logit = screener.logit(read_pixels(image.sample, SIZE))
        passed[image.passed].append(screener.certificate.passes(logit))

    assert np.mean(passed[True]) > 2 * np.mean(passed[False])


def test_its_report_has_what_it_saves_and_what_it_costs(fast_path: LearnedFastPath, learned: LearnedVersion) -> None:
    meta = fast_path.meta

    assert meta["certificate"]["leak_bound"] <= LOOSE.leak.rate
    assert meta["images"]["all"] == 80
    assert 0 < meta["answered"]["value"] <= 1
    assert meta["gflop"]["screening"] <= MAX_OPERATIONS * meta["gflop"]["full"]
    assert meta["gflop"]["full"] == pytest.approx(learned.meta["operations"]["gflop"], abs=0.01)
    assert meta["version_sha256"] == learned.sha256


def test_the_same_images_give_the_same_line(
    fast_path: LearnedFastPath, learned: LearnedVersion, tmp_path: Path
) -> None:
    again = learn_fast_path(drawn_task(tmp_path, learned.bundle_dir), tmp_path / "again", {})

    assert again.meta["certificate"] == pytest.approx(fast_path.meta["certificate"])


def test_it_refuses_too_few_parts(learned: LearnedVersion, tmp_path: Path) -> None:
    strict = replace(LOOSE, leak=EscapeRateGuarantee(0.01, 0.95))

    with pytest.raises(TooFewParts, match="more held-out parts that the full graph does not pass"):
        learn_fast_path(drawn_task(tmp_path, learned.bundle_dir, strict), tmp_path / "fast", {})
    assert not (tmp_path / "fast").exists()


def test_it_refuses_answers_that_are_all_equal(learned: LearnedVersion, tmp_path: Path) -> None:
    task = drawn_task(tmp_path, learned.bundle_dir)
    failing = replace(task, images=[replace(image, passed=False) for image in task.images])

    with pytest.raises(NothingSaved, match="none or all"):
        learn_fast_path(failing, tmp_path / "fast", {})


def test_it_refuses_a_full_graph_of_ten_times_fewer_operations() -> None:
    with pytest.raises(TooManyOperations, match="no screening network"):
        choose_features((64, 64), full_gflop=0.001)


def test_a_larger_full_graph_gets_a_deeper_network() -> None:
    small, large = (choose_features((64, 64), full_gflop=gflop).maps.depth for gflop in (0.05, 4.0))

    assert large.shrinking == 2 and large.taps == (4, 10)
    assert small != large


def test_it_refuses_files_that_changed(fast_path: LearnedFastPath, tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="not the expected"):
        Screener.load(fast_path.directory, expected_sha256="0" * 64)


def test_it_refuses_images_of_another_size(fast_path: LearnedFastPath) -> None:
    with pytest.raises(ValueError, match="screens uint8 images"):
        Screener.load(fast_path.directory).logit(np.zeros((32, 32, 3), np.uint8))


def test_a_change_at_one_place_is_unusual() -> None:
    features = ScreeningFeatures(Depth(4, (4,)))
    generator = np.random.default_rng(0)
    usual = [generator.normal(5, 0.1, (40, 4, 4)).astype(np.float32) for _ in range(20)]
    features.fit([image] for image in usual)
    scratched = usual[0].copy()
    scratched[:, 2, 1] += 3

    good, bad = (features.usual[0](torch.from_numpy(image[None]))[0] for image in (usual[1], scratched))
    assert good.shape == bad.shape == (44,)
    assert float(bad[:40].min()) > 2 * float(good[:40].max())
    # The most unusual position, the mean of five and of all positions
    assert list(bad[40:] > good[40:] + 0.1) == [True] * 4
