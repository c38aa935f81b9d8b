"""Ratio of a serving graph's time to the processor's limit.

The limit is the graph's multiply and add operations over the measured peak of a large matrix product in the same
precision. This is the flat part of the roofline (Williams, Waterman and Patterson, CACM 52, 2009). The peak is
measured with a matrix product and with an equivalent convolution; the faster counts. In 8 bits the runtime is fast
only with the convolution.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset15 as opset

from mltasks.vision.serving.precisions import BF16, FP32
from mltasks.vision.serving.scorer import compile_model

SIDE, REPEATS, WARMUP = 1024, 12, 3
# Convolution: channels in and out, height and width
CHANNELS, MAP_SIDE = 256, 48
QUANTIZATION_LEVELS = 256


@dataclass(frozen=True, slots=True)
class ProcessorLimit:
    """Operations, peaks and milliseconds of one image on one thread.

    Operations are in billions (a product and a sum are two), in 8 bits and in the graph's ``number_format``; peaks are
    in billions a second. ``milliseconds`` is the graph's measured time.
    """

    wide_gops: float
    int8_gops: float
    wide_peak_gops: float
    int8_peak_gops: float
    milliseconds: float
    number_format: str = FP32

    @property
    def minimum_ms(self) -> float:
        """Return milliseconds at the peaks."""
        narrow = self.int8_gops / self.int8_peak_gops if self.int8_gops else 0.0
        return 1000 * (self.wide_gops / self.wide_peak_gops + narrow)

    @property
    def ratio(self) -> float:
        """Return measured over minimal milliseconds."""
        return self.milliseconds / self.minimum_ms

    def describe(self) -> str:
        """Describe the limit in one line."""
        narrow = f" and {self.int8_gops:.1f} in 8 bits at {self.int8_peak_gops:.0f}" if self.int8_gops else ""
        return (
            f"{self.milliseconds:.0f} ms on one thread, {self.ratio:.2f} times the limit of {self.minimum_ms:.0f} ms: "
            f"{self.wide_gops:.1f} billion operations in {self.number_format} at {self.wide_peak_gops:.0f} billion a "
            f"second{narrow}"
        )


def measure_limit(graph: Path, number_format: str = FP32) -> ProcessorLimit:
    """Count operations, and measure peaks and graph with all operations that are not in 8 bits in ``number_format``.

    Peaks and graph alternate, so a changing processor clock affects all of them.
    """
    wide, narrow = count_operations(graph)
    image = np.zeros(tuple(openvino.Core().read_model(graph).inputs[0].shape), np.uint8)
    products = [product for bits in (False, True) for product in _peak_models(quantized=bits)]
    timed = [(graph, image), *((product, given) for product, _, given in products)]
    runs = [_timed_inference(model, given, half=number_format == BF16) for model, given in timed]
    took = np.median([[run() for run in runs] for _ in range(WARMUP + REPEATS)][WARMUP:], axis=0)
    peaks = [amount / seconds for (_, amount, _), seconds in zip(products, took[1:], strict=True)]
    return ProcessorLimit(wide, narrow, max(peaks[:2]), max(peaks[2:]), 1000 * float(took[0]), number_format)


def count_operations(graph: Path) -> tuple[float, float]:
    """Count billions of operations of convolutions and matrix products, in 32 and in 8 bits."""
    counts = {False: 0.0, True: 0.0}
    for operation in openvino.Core().read_model(graph).get_ordered_ops():
        counts[_is_quantized(operation)] += _operations(operation)
    return counts[False] / 1e9, counts[True] / 1e9


def _operations(operation: Any) -> float:
    kind = operation.get_type_name()
    if kind == "MatMul":
        inner = operation.input(0).get_shape()[-2 if operation.get_attributes().get("transpose_a") else -1]
        return 2.0 * float(np.prod(operation.output(0).shape)) * float(inner)
    if kind not in ("Convolution", "GroupConvolution"):
        return 0.0
    # Weights of a grouped convolution: [groups, out, in, ...]; all axes but the outputs are summed over.
    weights, channels = operation.input(1).get_shape(), operation.output(0).shape[1]
    return 2.0 * float(np.prod(operation.output(0).shape)) * float(np.prod(weights)) / float(channels)


def _is_quantized(operation: Any) -> bool:
    return bool(len(operation.inputs()) > 1 and operation.input_value(0).get_node().get_type_name() == "FakeQuantize")


def _peak_models(*, quantized: bool) -> Iterator[tuple[openvino.Model, float, Any]]:
    """Yield a matrix product and an equivalent convolution: the model, its billions of operations, its input."""
    ones, map_shape = [1, 1], (1, CHANNELS, MAP_SIDE, MAP_SIDE)
    matrix, x, w = _quantized_inputs((SIDE, SIDE), (SIDE, SIDE), quantized=quantized)
    model = openvino.Model([opset.matmul(x, w, False, False)], [matrix], "product")
    yield model, 2 * SIDE**3 / 1e9, _numbers(SIDE, SIDE)
    maps, x, w = _quantized_inputs(map_shape, (CHANNELS, CHANNELS, 3, 3), quantized=quantized)
    model = openvino.Model([opset.convolution(x, w, ones, ones, ones, ones)], [maps], "convolution")
    yield model, 2 * 9 * CHANNELS**2 * MAP_SIDE**2 / 1e9, _numbers(*map_shape)


def _quantized_inputs(shape: tuple[int, ...], weights: tuple[int, ...], *, quantized: bool) -> tuple[Any, Any, Any]:
    """Return a parameter, and it and random weights as the operation takes them, in 8 bits if ``quantized``."""
    parameter = opset.parameter(list(shape), np.float32)
    constant = opset.constant(_numbers(*weights) - np.float32(0.5))
    if not quantized:
        return parameter, parameter, constant
    low, high, bottom, top = (opset.constant(np.float32(value)) for value in (0, 1, -0.5, 0.5))
    x = opset.fake_quantize(parameter, low, high, low, high, QUANTIZATION_LEVELS)
    return parameter, x, opset.fake_quantize(constant, bottom, top, bottom, top, QUANTIZATION_LEVELS - 1)


def _numbers(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, np.float32)


def _timed_inference(model: openvino.Model | Path, image: Any, *, half: bool) -> Any:
    request = compile_model(model, 1, half=half).create_infer_request()

    def once() -> float:
        started = time.perf_counter()
        request.infer([image])
        return time.perf_counter() - started

    return once
