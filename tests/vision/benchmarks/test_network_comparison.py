"""Tests of the comparison of backbones: networks at hand are measured alone and beside ResNet18, others are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError

from mltasks.vision.benchmarks import cross_validation, network_comparison
from mltasks.vision.benchmarks.charts import write_table_chart
from mltasks.vision.benchmarks.network_comparison import NetworkChoice, configs_by_title
from mltasks.vision.benchmarks.repeated_figures import Row, Table
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.networks.feature_networks.network_registry import FEATURE_NETWORKS
from mltasks.vision.train_config import TrainConfig
from tests.tiny_model import small_parts
from tests.vision.benchmark_run import run_benchmark
from tests.vision.sample_images import svg_text

SHARES = ("AUROC", "average precision", "novelty AUROC")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six good parts, three of each labeled kind of defect."""
    made = tmp_path_factory.mktemp("parts")
    write_image_folder(made, small_parts(5, good=6, scratch=3, excess=3))
    return made


@pytest.mark.slow(40)
def test_it_measures_quality_and_time_of_each_network_at_hand(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(cross_validation, "FOLDS", 2)
    chosen = ["resnet18", "efficientnet_lite0", "convnext_tiny"]
    drawing = tmp_path / "found.svg"

    printed = run_benchmark(
        "backbones", folder, "--plot", str(drawing), networks=chosen, views=0, synthetic_views=1, detectors=["places"]
    )

    found = json.loads(printed[printed.index("{\n") :])
    assert list(found["rows"]) == ["resnet18", "efficientnet_lite0", "resnet18 + efficientnet_lite0"]
    assert found["protocol"].endswith("Not at hand: convnext_tiny.") and "12 images" in found["protocol"]
    for figures in found["rows"].values():
        assert list(figures) == [*SHARES, "GFLOP", "milliseconds"]
        assert all(0 <= figures[name]["mean"] <= 1 for name in SHARES)
        assert figures["milliseconds"]["mean"] > 0
    gflop = {name: figures["GFLOP"]["mean"] for name, figures in found["rows"].items()}
    assert gflop["efficientnet_lite0"] < gflop["resnet18"]
    shown = svg_text(drawing)
    assert "Milliseconds for one image" in shown and all(name in shown for name in found["rows"])


def test_each_network_is_measured_alone_and_beside_the_settings_backbone() -> None:
    config = TrainConfig.from_json({"backbone_weights": "shipped", "speed": "fast"})

    found = configs_by_title(["resnet18", "efficientnet_lite0"], config)

    assert {title: (one.backbone, one.companion, one.backbone_weights) for title, one in found.items()} == {
        "resnet18": ("resnet18", "", "shipped"),
        "efficientnet_lite0": ("efficientnet_lite0", "", "auto"),
        "resnet18 + efficientnet_lite0": ("resnet18", "efficientnet_lite0", "shipped"),
    }
    assert [one.left_out_scores for one in found.values()] == [(), (), ("texture",)]


def test_it_measures_all_networks_unless_some_are_named() -> None:
    assert NetworkChoice.from_settings({"seed": 1}) == (NetworkChoice(FEATURE_NETWORKS), {"seed": 1})
    assert NetworkChoice.from_settings({"networks": ["resnet50"]}) == (NetworkChoice(("resnet50",)), {})


@pytest.mark.parametrize("networks", [["resnet19"], "resnet18", []])
def test_it_refuses_networks_that_it_does_not_know(folder: Path, networks: object) -> None:
    with pytest.raises(CommandError, match="networks must be a list of: convnext_tiny, efficientnet_b0"):
        run_benchmark("backbones", folder, networks=networks)


def test_it_refuses_to_compare_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_comparison, "weights_at_hand", lambda _: False)

    with pytest.raises(CommandError, match="None of these networks is at hand: resnet50, convnext_tiny"):
        run_benchmark("backbones", folder, networks=["resnet50", "convnext_tiny"])


def test_quality_is_drawn_over_time(tmp_path: Path) -> None:
    rows = [
        Row.from_runs("small", [{"average precision": 0.9, "milliseconds": 20.0}]),
        Row.from_runs("large", [{"average precision": 0.95, "milliseconds": 600.0}]),
    ]

    write_table_chart(tmp_path / "a.svg", "Backbones", Table("", rows))

    shown = svg_text(tmp_path / "a.svg")
    assert all(text in shown for text in ("small", "large", "600", "Average precision"))
