"""Versions on other networks than the default ones: trained, exported, scored; their weights from where they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mltasks.vision.export.learn import learn
from mltasks.vision.networks.backbones import WeightsError
from mltasks.vision.networks.feature_networks.torchvision_networks import TORCHVISION_NETWORKS
from mltasks.vision.networks.hub_cache import HubFile
from mltasks.vision.networks.torchvision_ops import models
from mltasks.vision.serving import bundle
from mltasks.vision.serving.bundle import file_sha256
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.fit import build_trunk, check_config
from tests.tiny_model import CONFIG, labeled_samples

ALONE = replace(CONFIG, backbone="efficientnet_lite0", backbone_weights="auto", companion="", curve_shares=())


def assert_it_learns_and_scores(tmp_path: Path, config: TrainConfig) -> dict[str, torch.Tensor]:
    """Return the weights of the version."""
    made = learn(labeled_samples(tmp_path / "parts"), config, tmp_path / "bundle")
    assert bundle.verify(made.bundle_dir) == made.sha256
    assert TrainConfig.from_json(made.meta["config"]) == config
    image = np.full((64, 64, 3), 90, np.uint8)
    [scores] = Scorer.load(made.bundle_dir, threads=1).score([image])
    assert 0 <= scores.defect_probability <= 1 and np.isfinite(scores.novelty)
    return load_file(made.bundle_dir / bundle.WEIGHTS)


@pytest.mark.slow(10)
@pytest.mark.parametrize("changes", [{}, {"head": "pooled", "detectors": ("memory", "detail", "whole")}])
def test_a_packaged_network_alone(tmp_path: Path, changes: dict[str, object]) -> None:
    weights = assert_it_learns_and_scores(tmp_path, replace(ALONE, **changes))  # type: ignore[arg-type]

    assert weights["trunk.early.0.weight"].shape == (32, 3, 3, 3)
    assert weights["trunk.mean"].flatten().tolist() == pytest.approx([127 / 255] * 3)


@pytest.mark.slow(10)
def test_a_network_of_the_hubs_cache_beside_resnet18_with_all_heads_and_detectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_into_cache("mobilenet_v3_large", tmp_path / "torch", monkeypatch)
    detectors = ("places", "features", "second_whole", "coarse", "second_memory", "detail")
    config = replace(CONFIG, companion="mobilenet_v3_large", detectors=detectors, curve_shares=())

    weights = assert_it_learns_and_scores(tmp_path, config)

    assert weights["trunk.companion.network.stages.0.0.0.weight"].shape == (16, 3, 3, 3)


@pytest.mark.parametrize(("setting", "name"), [("backbone", "convnext_tiny"), ("companion", "resnet50")])
def test_without_weights_it_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, name: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    config = TrainConfig.from_json({**CONFIG.to_json(), "backbone_weights": "auto", setting: name})
    use_hub_file(name, f"{name}-00000000.pth", "00000000", monkeypatch)

    with pytest.raises(WeightsError, match=rf"Put http\S*/{name}-00000000\.pth at {tmp_path}"):
        build_trunk(config)


@pytest.mark.parametrize("companion", ["efficientnet_lite3", "EfficientNet-Lite2", "none"])
def test_it_refuses_an_unknown_auxiliary_backbone_and_names_the_known(companion: str) -> None:
    with pytest.raises(ValueError, match="companion must be empty or one of efficientnet-lite2, convnext_tiny"):
        check_config(replace(CONFIG, companion=companion))


def put_into_cache(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save a network as torchvision publishes it, with random weights, where torch hub keeps it."""
    monkeypatch.setenv("TORCH_HOME", str(home))
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(3)
    torch.save(getattr(models, name)(weights=None).state_dict(), folder / "unnamed.pth")
    prefix = file_sha256(folder / "unnamed.pth")[:8]
    (folder / "unnamed.pth").rename(folder / f"{name}-{prefix}.pth")
    use_hub_file(name, f"{name}-{prefix}.pth", prefix, monkeypatch)


def use_hub_file(name: str, file: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = TORCHVISION_NETWORKS[name]
    backbone = replace(entry.backbone, hub_file=HubFile(f"http://127.0.0.1:9/{file}", prefix))
    monkeypatch.setitem(TORCHVISION_NETWORKS, name, replace(entry, backbone=backbone))
