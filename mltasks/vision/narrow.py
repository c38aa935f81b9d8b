"""Fewer bits: the backbone's wide convolutions in 8 bits, the rest of a serving graph as it was.

Post-training quantization by NNCF (https://github.com/openvinotoolkit/nncf), ranges taken from the version's own parts.
The companion's narrow layers, the memories' distances and the heads stay in 32 bits: in 8 they move the scores, and
most of the time is not theirs.
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
WIDE = 64


def narrowed(graph: Path, images: Sequence[NDArray[np.uint8]]) -> openvino.Model | None:
    """The graph with its wide convolutions in 8 bits, ranges from images uint8 ``[height, width, 3]``; None where it
    has no such convolution."""
    model = openvino.Core().read_model(graph)
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    operations = [one for one in model.get_ordered_ops() if one.get_type_name() not in ("Parameter", "Result")]
    stays = [one.get_friendly_name() for one in operations if not _is_wide(one)]
    return _quantized(model, images, stays) if len(stays) < len(operations) else None


def _is_wide(operation: openvino.Node) -> bool:
    if operation.get_type_name() != "Convolution":
        return False
    out, into, *kernel = operation.input(1).get_shape()
    return bool(min(out, into) >= WIDE and max(kernel) > 1)


def _quantized(model: openvino.Model, images: Sequence[NDArray[np.uint8]], stays: list[str]) -> openvino.Model:
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
            ignored_scope=nncf.IgnoredScope(names=stays, validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # Processors without VNNI add pairs of products in 16 bits: 7-bit weights keep that from running over.
                overflow_fix=nncf.OverflowFix.ENABLE,
                disable_bias_correction=True,
            ),
        )
