"""A network as OpenVINO's graph: one size and type for good, the same numbers, and weights of its own."""

from __future__ import annotations

import gc

import numpy as np
import openvino
import pytest
import torch
from torch import Tensor, nn

from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.serving.scorer import compile_model

SHAPE = (1, 3, 8, 6)


class TracedNetwork(nn.Module):
    """Weights that ask for a gradient, and numbers made of shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.convolution(image.float()).relu()
        return maps, maps.flatten(1).topk(maps.shape[2] // 2, dim=1).values


def run(model: openvino.Model, image: Tensor) -> list[np.ndarray]:
    request = compile_model(model, 1).create_infer_request()
    request.infer([image.numpy()])
    return [one.data.copy() for one in request.output_tensors]


@pytest.mark.parametrize("kind", [torch.float32, torch.uint8])
def test_it_has_the_examples_shape_and_type_and_says_what_torch_says(kind: torch.dtype) -> None:
    torch.manual_seed(1)
    module, image = TracedNetwork(), (255 * torch.rand(SHAPE)).to(kind)
    with torch.no_grad():
        wanted = module(image)

    model = trace_to_openvino(module, torch.zeros(SHAPE, dtype=kind))

    assert list(model.input(0).shape) == list(SHAPE)
    assert model.input(0).element_type.to_dtype() == image.numpy().dtype
    assert not any(one.is_dynamic for one in (output.partial_shape for output in model.outputs))
    for found, right in zip(run(model, image), wanted, strict=True):
        assert found == pytest.approx(right.numpy(), rel=1e-4, abs=1e-4)


def test_the_graph_outlives_the_network() -> None:
    image = torch.rand(SHAPE)
    module = TracedNetwork()
    model = trace_to_openvino(module, image)
    before = run(model, image)
    del module
    gc.collect()
    # Fill what memory may have become free.
    scribbled = [torch.full((4, 3, 3, 3), float("nan")) for _ in range(100)]

    assert all(np.array_equal(one, other) for one, other in zip(before, run(model, image), strict=True))
    assert len(scribbled) == 100
