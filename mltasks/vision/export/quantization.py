"""Fewer bits: the backbone's wide convolutions in 8 bits, the companion's deep blocks too, the rest of a serving graph
as it was.

Post-training quantization by NNCF (https://github.com/openvinotoolkit/nncf), ranges taken from the version's own parts.
The companion's first blocks, the memories' distances and the heads stay in 32 bits: in 8 they move the scores, and most
of the time is not theirs.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.passes import ConstantFolding, Manager

# A convolution of so many channels in and out, and of more than one pixel, is the backbone's.
MIN_CHANNELS = 64
# A depthwise one of so many, at this stride or deeper, is in the companion's deep blocks.
MIN_DEPTHWISE_CHANNELS, MIN_DEPTHWISE_STRIDE = 144, 8
CONVOLUTIONS = ("Convolution", "GroupConvolution")
BACKBONE, AUX_BACKBONE = QUANTIZABLE = ("the backbone's convolutions", "the companion's deep blocks")


def quantize(
    graph: Path, images: Sequence[NDArray[np.uint8]], components: Sequence[str] = QUANTIZABLE
) -> openvino.Model | None:
    """The graph with these ``QUANTIZABLE`` in 8 bits, ranges from images uint8 ``[height, width, 3]``; None where it
    lacks
    one of them."""
    model = openvino.Core().read_model(graph)
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    operations = [one for one in model.get_ordered_ops() if one.get_type_name() not in ("Parameter", "Result")]
    wide = {one.get_friendly_name() for one in operations if _is_backbone_convolution(one)}
    height = model.inputs[0].shape[1]
    deep = {name for one in operations if _is_deep_depthwise(one, height) for name in _residual_block(one)}
    found = [{BACKBONE: wide, AUX_BACKBONE: deep}[part] for part in components]
    stays = [name for one in operations if (name := one.get_friendly_name()) not in set().union(*found)]
    return _run_nncf(model, images, stays) if all(found) else None


def _is_deep_depthwise(operation: openvino.Node, height: int) -> bool:
    if operation.get_type_name() != "GroupConvolution":
        return False
    return bool(
        operation.input(1).get_shape()[0] >= MIN_DEPTHWISE_CHANNELS
        and operation.output(0).shape[2] * MIN_DEPTHWISE_STRIDE <= height
    )


def _residual_block(depthwise: openvino.Node) -> list[str]:
    """Names of a depthwise convolution and of those before and after it (Sandler et al., CVPR 2018: an inverted
    residual)."""
    before, after = depthwise.input_value(0).get_node(), depthwise
    while before.get_type_name() not in CONVOLUTIONS and before.inputs():
        before = before.input_value(0).get_node()
    while after is depthwise or after.get_type_name() not in CONVOLUTIONS:
        following = [target.get_node() for target in after.output(0).get_target_inputs()]
        if len(following) != 1:
            break
        after = following[0]
    return [one.get_friendly_name() for one in (before, depthwise, after) if one.get_type_name() in CONVOLUTIONS]


def _is_backbone_convolution(operation: openvino.Node) -> bool:
    if operation.get_type_name() != "Convolution":
        return False
    out, into, *kernel = operation.input(1).get_shape()
    return bool(min(out, into) >= MIN_CHANNELS and max(kernel) > 1)


def _run_nncf(model: openvino.Model, images: Sequence[NDArray[np.uint8]], ignored: list[str]) -> openvino.Model:
    # Its authors' switch against telling a server abroad what a plant does.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf  # late: seconds and 100 MB that only a training pays

    nncf.set_log_level(logging.ERROR)
    # It draws progress of its own.
    with redirect_stdout(io.StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset([image[None] for image in images]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            ignored_scope=nncf.IgnoredScope(names=ignored, validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # Processors without VNNI add pairs of products in 16 bits: 7-bit weights keep that from running over.
                overflow_fix=nncf.OverflowFix.ENABLE,
                disable_bias_correction=True,
            ),
        )
