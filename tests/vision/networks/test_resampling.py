"""Resampling by whole factors equals torch's own, in torch and in an exported graph."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.resampling import average_pixels, enlarge
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.serving.scorer import compile_model


class _Both(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return average_pixels(images, 4), enlarge(images, 8)


@pytest.fixture
def images() -> Tensor:
    """Two random images of 24 × 16 pixels."""
    return torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_averages_are_those_of_average_pooling(images: Tensor, factor: int) -> None:
    assert torch.allclose(average_pixels(images, factor), F.avg_pool2d(images, factor), atol=1e-6)


@pytest.mark.parametrize("factor", [2, 8])
def test_enlarged_maps_are_those_of_bilinear_interpolation(images: Tensor, factor: int) -> None:
    expected = F.interpolate(images, scale_factor=float(factor), mode="bilinear")
    assert torch.allclose(enlarge(images, factor), expected, atol=1e-6)


def test_an_exported_graph_computes_the_same(images: Tensor) -> None:
    compiled = compile_model(trace_to_openvino(_Both().eval(), images))
    computed = compiled([images.numpy()])
    for output, expected in zip(computed.to_tuple(), _Both()(images), strict=True):
        assert torch.allclose(torch.tensor(output), expected, atol=1e-5)
