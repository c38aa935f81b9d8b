"""Quantization of a serving graph: selected convolutions in 8 bits, the rest in 32 bits.

Post-training quantization by NNCF (https://github.com/openvinotoolkit/nncf), with ranges from the version's own parts.
The backbone's wide convolutions, the auxiliary backbone's deep blocks and the memories' distances are quantized. The
auxiliary backbone's first blocks and the heads stay in 32 bits: they would shift the scores, and save little time."""

from __future__ import annotations

import io
import logging
import math
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.passes import ConstantFolding, Manager

# A backbone convolution has at least this many input and output channels and a kernel larger than one pixel.
MIN_CHANNELS = 64
# A depthwise convolution of a deep auxiliary block has at least this many channels, at this stride or deeper.
MIN_DEPTHWISE_CHANNELS, MIN_DEPTHWISE_STRIDE = 144, 16
# A memory's distances have at least this many pairs of patches.
MIN_PATCH_PAIRS, PATCH_PAIR_DIMENSIONS = 100_000, 2
CONVOLUTIONS = ("Convolution", "GroupConvolution")
BACKBONE, AUX_BACKBONE, MEMORIES = QUANTIZABLE = (
    "the backbone's convolutions",
    "the auxiliary backbone's deep blocks",
    "the memories' distances",
)


def find_components(graph: Path) -> tuple[str, ...]:
    """Return the components of ``QUANTIZABLE`` that the graph has."""
    return tuple(_find_nodes(_read_folded(graph)))


def quantize(
    graph: Path, images: Sequence[NDArray[np.uint8]], components: Sequence[str], *, all_bits: bool = False
) -> openvino.Model:
    """Return the graph with some of its components in 8 bits.

    The ranges come from images, uint8 ``[height, width, 3]``. Weights use 7 of their 8 bits, because processors without
    instructions for 8-bit products add pairs of products in 16 bits, which could overflow. With ``all_bits`` they use
    all 8: the scores shift about half as much, and only processors with such instructions may compute the graph."""
    model = _read_folded(graph)
    found = _find_nodes(model)
    chosen = set[str]().union(*(found[component] for component in components))
    ignored = [name for node in _nodes(model) if (name := node.get_friendly_name()) not in chosen]
    return _run_nncf(model, images, ignored, all_bits)


def _read_folded(graph: Path) -> openvino.Model:
    model = openvino.Core().read_model(graph)
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    return model


def _nodes(model: openvino.Model) -> list[openvino.Node]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() not in ("Parameter", "Result")]


def _find_nodes(model: openvino.Model) -> dict[str, set[str]]:
    """Return the names of each component's nodes; components that the graph lacks are left out."""
    nodes, height = _nodes(model), model.inputs[0].shape[1]
    found = {
        BACKBONE: {node.get_friendly_name() for node in nodes if _is_backbone_convolution(node)},
        AUX_BACKBONE: {name for node in nodes if _is_deep_depthwise(node, height) for name in _residual_block(node)},
        MEMORIES: {node.get_friendly_name() for node in nodes if _is_memory_distance(node)},
    }
    return {component: names for component, names in found.items() if names}


def _is_deep_depthwise(operation: openvino.Node, height: int) -> bool:
    if operation.get_type_name() != "GroupConvolution":
        return False
    return bool(
        operation.input(1).get_shape()[0] >= MIN_DEPTHWISE_CHANNELS
        and operation.output(0).shape[2] * MIN_DEPTHWISE_STRIDE <= height
    )


def _is_memory_distance(operation: openvino.Node) -> bool:
    """Return True for the product of an image's patches with those of a memory, ``[patches, memory]``."""
    if operation.get_type_name() != "MatMul":
        return False
    shape = operation.output(0).get_shape()
    # Products of more dimensions interpolate the brightness, in 32 bits: all later layers depend on it.
    return len(shape) == PATCH_PAIR_DIMENSIONS and math.prod(shape) >= MIN_PATCH_PAIRS


def _residual_block(depthwise: openvino.Node) -> list[str]:
    """Return the names of a depthwise convolution and its neighbor convolutions.

    Together they are an inverted residual block (Sandler et al., CVPR 2018)."""
    before, after = depthwise.input_value(0).get_node(), depthwise
    while before.get_type_name() not in CONVOLUTIONS and before.inputs():
        before = before.input_value(0).get_node()
    while after is depthwise or after.get_type_name() not in CONVOLUTIONS:
        following = [target.get_node() for target in after.output(0).get_target_inputs()]
        if len(following) != 1:
            break
        after = following[0]
    block = (before, depthwise, after)
    return [node.get_friendly_name() for node in block if node.get_type_name() in CONVOLUTIONS]


def _is_backbone_convolution(operation: openvino.Node) -> bool:
    if operation.get_type_name() != "Convolution":
        return False
    out, into, *kernel = operation.input(1).get_shape()
    return bool(min(out, into) >= MIN_CHANNELS and max(kernel) > 1)


def _run_nncf(
    model: openvino.Model, images: Sequence[NDArray[np.uint8]], ignored: list[str], all_bits: bool
) -> openvino.Model:
    # NNCF's switch that turns off its telemetry
    os.environ.setdefault("NNCF_CI", "1")
    import nncf  # late: seconds and 100 MB that only a training pays

    # Not NNCF's own function: it changes the level of every handler of its logger, also of those that others attached.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    # NNCF prints progress bars.
    with redirect_stdout(io.StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset([image[None] for image in images]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            # Takes twice as long, and halves the shift of the scores.
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(names=ignored, validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=nncf.OverflowFix.DISABLE if all_bits else nncf.OverflowFix.ENABLE,
            ),
        )
