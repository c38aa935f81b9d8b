"""Feature extraction with the frozen trunk, compiled by OpenVINO on CPU-only machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mltasks.vision.networks.compute import Compute
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, Trunk
from mltasks.vision.serving.scorer import compile_model

# From RGB float32 [N, 3, H, W] in [0, 1] to feature maps
Extract = Callable[[Tensor], FeatureMaps]
# Compiling takes seconds; it pays off from this number of pixels on.
MIN_COMPILED_PIXELS = 8_000_000
# Pixels of a side of the trunk's input from which bfloat16 is used. With fewer, maps at stride 16 are two cells wide,
# and torch's bfloat16 convolution to stride 32 reads memory that nobody wrote (torch 2.13 on processors with AMX).
MIN_HALF_SIDE = 64


class FeatureExtractor(NamedTuple):
    """Pair of extractors: ``fp32`` in 32 bits, ``bf16`` in bfloat16 where that is fast."""

    fp32: Extract
    bf16: Extract


def build_extractor(trunk: Trunk, size: tuple[int, int], images: int, compute: Compute) -> FeatureExtractor:
    """Return extractors for ``images`` images of one ``size`` (height, width).

    Uses OpenVINO on machines without a GPU if there are enough pixels, else torch. The two differ by rounding. The same
    call on the same machine gives bitwise equal features."""
    if compute.device.type == "cpu" and images * size[0] * size[1] >= MIN_COMPILED_PIXELS:
        fp32 = _openvino_extractor(trunk, size, half=False)
        return FeatureExtractor(fp32, _openvino_extractor(trunk, size, half=True) if compute.half else fp32)
    compute.move_module(trunk)
    half = compute.half and min(size) >= MIN_HALF_SIDE * trunk.shrinking
    return FeatureExtractor(*(partial(_extract_with_torch, trunk, compute, each) for each in (False, half)))


class _Outputs(nn.Module):
    """Trunk without its empty outputs, which an OpenVINO graph cannot have."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        return tuple(maps for maps in self.trunk(rgb) if maps is not EMPTY)


def _openvino_extractor(trunk: Trunk, size: tuple[int, int], *, half: bool) -> Extract:
    model = trace_to_openvino(_Outputs(trunk), torch.zeros((1, 3, *size)))
    request = compile_model(model, torch.get_num_threads(), half=half).create_infer_request()

    def extract(rgb: Tensor) -> FeatureMaps:
        outputs: list[list[Tensor]] = []
        for image in torch.split(rgb, 1):
            request.infer([image.contiguous().numpy()])
            # Copies, because the next inference overwrites the request's tensors.
            outputs.append([torch.from_numpy(output.data.copy()) for output in request.output_tensors])
        return FeatureMaps(*(torch.cat(maps) for maps in zip(*outputs, strict=True)))

    return extract


def _extract_with_torch(trunk: Trunk, compute: Compute, half: bool, rgb: Tensor) -> FeatureMaps:
    with torch.inference_mode(), replace(compute, half=half).autocast():
        maps: FeatureMaps = trunk(rgb.to(compute.device, memory_format=torch.channels_last))
    return maps
