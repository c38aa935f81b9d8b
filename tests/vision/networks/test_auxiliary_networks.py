"""Tests of other networks in the trunk: as backbone, and as auxiliary backbone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.heads.classifier import FineTunedHead, PooledHead
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone, map_statistics
from mltasks.vision.networks.embedder import build_embedder, embedding_space
from mltasks.vision.networks.feature_networks.auxiliary_network import (
    AUX_BACKBONES,
    AuxiliaryFeatureNetwork,
    auxiliary_channels,
    build_auxiliary,
)
from mltasks.vision.networks.feature_networks.feature_network import FeatureNetwork
from mltasks.vision.networks.feature_networks.network_registry import (
    FEATURE_NETWORKS,
    build_feature_network,
    network_channels,
    weights_at_hand,
)
from mltasks.vision.networks.illumination import normalize_illumination
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, Trunk

LIGHT = ("efficientnet_lite0", "mobilenet_v3_large")
EACH = pytest.mark.parametrize(
    "name", [*LIGHT, *(pytest.param(name, marks=pytest.mark.slow(4)) for name in FEATURE_NETWORKS if name not in LIGHT)]
)


def picture(count: int = 1) -> Tensor:
    return torch.rand((count, 3, 128, 64), generator=torch.Generator().manual_seed(5))


def random_network(name: str) -> FeatureNetwork:
    torch.manual_seed(2)
    return build_feature_network(name, "random")[0]


def random_auxiliary(name: str) -> AuxiliaryFeatureNetwork:
    torch.manual_seed(2)
    return AuxiliaryFeatureNetwork(*build_feature_network(name, "random"))


def run_trunk(trunk: Trunk) -> FeatureMaps:
    with torch.inference_mode():
        seen: FeatureMaps = trunk(picture(2))
    return seen


@EACH
def test_alone_a_network_gives_all_maps_of_the_backbone(name: str) -> None:
    network, trunk = random_network(name), Trunk(random_network(name))
    with torch.inference_mode():
        fine, middle, deep = network(picture(2))
    seen = run_trunk(trunk)

    assert torch.equal(seen.fine, fine) and torch.equal(seen.layer3, middle) and torch.equal(seen.layer4, deep)
    assert torch.equal(seen.layer2, F.avg_pool2d(fine, 2))
    assert torch.equal(seen.statistics, map_statistics(fine, middle, deep))
    assert seen.aux_maps is seen.aux_coarse is seen.aux_statistics is EMPTY
    assert trunk.fine_channels == network_channels(name)[0] == fine.shape[1]
    assert len(build_embedder(trunk).weights) == 3 * sum(network_channels(name)[1:])


@EACH
def test_as_auxiliary_backbone_a_network_gives_the_finest_maps_the_halved_and_statistics(name: str) -> None:
    network = random_network(name)
    trunk = Trunk(random_network("efficientnet_lite1"), random_auxiliary(name), 0.5)
    seen, even = run_trunk(trunk), normalize_illumination(picture(2))
    with torch.inference_mode():
        maps, halved = network(even), network(F.avg_pool2d(even, 2))

    assert torch.equal(seen.fine, maps[0]) and torch.equal(seen.aux_maps, maps[1])
    assert torch.equal(seen.aux_coarse, halved[1])
    assert torch.equal(seen.aux_statistics, map_statistics(*maps))
    assert seen.layer3.shape == (2, 112, 4, 2)
    assert auxiliary_channels(name) == network_channels(name)
    assert len(build_embedder(trunk).weights) == 3 * sum(network_channels(name)[1:])


@EACH
def test_its_last_stage_can_be_fine_tuned_and_starts_as_the_networks_own(name: str) -> None:
    auxiliary = random_auxiliary(name)
    with torch.no_grad():
        _, maps, deep = random_network(name)(picture(2))
    head = FineTunedHead(auxiliary, 0.0).train()
    logits, found = head.logits_and_maps(maps)

    torch.testing.assert_close(found, deep)
    norms = {key: value.clone() for key, value in head.blocks.state_dict().items() if "running" in key}
    head.linear.weight.data.fill_(1.0)
    head.logits_and_maps(maps)[0].sum().backward()
    assert logits.shape == (2,) and head(FeatureMaps(*[EMPTY] * 4, aux_maps=maps))[1].shape == (2, 4, 2)
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert all(torch.equal(head.blocks.state_dict()[key], value) for key, value in norms.items())
    assert not any(parameter.requires_grad for parameter in auxiliary.parameters())


@pytest.mark.parametrize("name", LIGHT)
def test_the_pooled_head_trains_its_last_stage(name: str) -> None:
    trunk = Trunk(random_network(name))
    head = PooledHead(trunk.layer4, 0.5, network_channels(name)[-1])
    logits, cells = head(run_trunk(trunk)._replace(layer3=torch.rand(2, network_channels(name)[1], 8, 4)))

    assert logits.shape == (2,) and cells.shape == (2, 4, 2)
    assert all(parameter.requires_grad for parameter in head.parameters())
    assert not any(parameter.requires_grad for parameter in trunk.parameters())


def test_each_network_may_be_the_auxiliary_backbone_and_the_default_has_two_names() -> None:
    assert set(AUX_BACKBONES) == {"", "efficientnet-lite2", *FEATURE_NETWORKS}
    defaults = [build_auxiliary(name) for name in ("efficientnet-lite2", "efficientnet_lite2")]
    assert all(type(one) is AuxiliaryBackbone for one in defaults)
    assert auxiliary_channels("efficientnet-lite2") == auxiliary_channels("efficientnet_lite2") == (48, 120, 352)
    other = build_auxiliary("efficientnet_lite0")
    assert isinstance(other, AuxiliaryFeatureNetwork) and other.network.name == "efficientnet_lite0"
    assert [one.weights.name for one in (*defaults, other)] == ["packaged"] * 3
    assert other.weights.sha256 != defaults[0].weights.sha256 == defaults[1].weights.sha256


def test_another_auxiliary_backbone_gives_another_embedding_space() -> None:
    spaces = {
        embedding_space(Trunk(random_network("resnet18"), build_auxiliary(name), 0.5), 64, 64, keep_shape=True)
        for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
    }

    assert len(spaces) == 3


@pytest.mark.parametrize("name", FEATURE_NETWORKS)
def test_weights_are_at_hand_from_packages_the_repository_and_the_cache_alone(
    name: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))

    assert weights_at_hand(name) == (name == "resnet18" or name.startswith("efficientnet_lite"))
