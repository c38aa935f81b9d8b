"""Feature networks: three maps of each architecture, and the same in OpenVINO."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.feature_networks.network_registry import FEATURE_NETWORKS, build_feature_network
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.serving.scorer import compile_model

HEIGHT, WIDTH = 64, 96
CHANNELS = {
    "resnet18": (128, 256, 512),
    "resnet50": (512, 1024, 2048),
    "wide_resnet50_2": (512, 1024, 2048),
    "mobilenet_v3_large": (40, 112, 160),
    "efficientnet_b0": (40, 112, 320),
    "efficientnet_lite0": (40, 112, 320),
    "efficientnet_lite1": (40, 112, 320),
    "efficientnet_lite2": (48, 120, 352),
    "convnext_tiny": (192, 384, 768),
}


def picture(count: int = 1) -> Tensor:
    return torch.rand((count, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(5))


def test_the_registry_has_the_networks_that_a_product_may_name() -> None:
    assert set(FEATURE_NETWORKS) == set(CHANNELS)


@pytest.mark.parametrize(
    "name", ["resnet18", *(pytest.param(name, marks=pytest.mark.slow(4)) for name in CHANNELS if name != "resnet18")]
)
def test_it_gives_three_maps_and_openvino_the_same(name: str) -> None:
    torch.manual_seed(2)
    network, source = build_feature_network(name, "random")
    with torch.no_grad():
        maps = network(picture(2))

    assert (network.name, source.name) == (name, "random")
    assert network.channels == CHANNELS[name]
    strides = zip(network.channels, (8, 16, 32), strict=True)
    assert [tuple(one.shape) for one in maps] == [(2, c, HEIGHT // stride, WIDTH // stride) for c, stride in strides]
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.training for module in network.train().modules())

    request = compile_model(trace_to_openvino(network, torch.zeros(2, 3, HEIGHT, WIDTH)), 1).create_infer_request()
    request.infer([picture(2).numpy()])
    found = [torch.from_numpy(output.data) for output in request.output_tensors]
    assert len(found) == 3
    for one, right in zip(found, maps, strict=True):
        assert float(right.std()) > 0
        assert float((one - right).abs().max() / right.abs().max()) < 1e-4


def test_resnet18_gives_the_trunks_maps() -> None:
    network, source = build_feature_network("resnet18", "shipped")
    trunk = Trunk(load_backbone("resnet18", "shipped")[0])
    with torch.no_grad():
        maps, features = network(picture()), trunk(picture())

    assert source.name == "shipped"
    assert torch.equal(maps[1], features.layer3) and torch.equal(maps[2], features.layer4)


def test_lite2_gives_the_auxiliary_backbones_maps() -> None:
    network, source = build_feature_network("efficientnet_lite2")
    with torch.no_grad():
        maps, wanted = network(picture()), AuxiliaryBackbone().network(picture())

    assert source.name == "packaged"
    for found, right in zip(maps, wanted, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-4)
