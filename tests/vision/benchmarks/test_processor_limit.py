"""How near a graph is to the machine: operations are counted right, and peaks are measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset15 as opset

from mltasks.vision.benchmarks.serving_speed import processor_limit
from mltasks.vision.benchmarks.serving_speed.processor_limit import count_operations, measure_limit


def numbers(*shape: int) -> openvino.Node:
    """A constant of ones."""
    return opset.constant(np.ones(shape, np.float32))


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A convolution in 8 bits, a depthwise one and a matrix product in 32: 8 × 8 pixels, 3 to 4 channels, 4 to 5."""
    image = opset.parameter([1, 8, 8, 3], np.uint8, name="image")
    rgb = opset.transpose(opset.convert(image, np.float32), opset.constant(np.array([0, 3, 1, 2])))
    low, high = (opset.constant(np.float32(value)) for value in (0, 255))
    narrow = opset.fake_quantize(rgb, low, high, low, high, 256)
    first = opset.convolution(narrow, numbers(4, 3, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    deep = opset.group_convolution(first, numbers(4, 1, 1, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    flat = opset.reshape(deep, opset.constant(np.array([64, 4])), False)
    model = openvino.Model([opset.matmul(flat, numbers(4, 5), False, False)], [image], "small")
    openvino.save_model(model, tmp_path / "serving.xml", compress_to_fp16=False)
    return tmp_path / "serving.xml"


def test_products_and_sums_are_counted_by_bits(graph: Path) -> None:
    wide, narrow = count_operations(graph)
    assert narrow * 1e9 == pytest.approx(2 * 64 * 4 * 3 * 9)
    assert wide * 1e9 == pytest.approx(2 * 64 * 4 * 9 + 2 * 64 * 5 * 4)


def test_it_is_held_against_measured_peaks(graph: Path) -> None:
    limit = measure_limit(graph)
    assert limit.wide_peak_gops > 1 and limit.int8_peak_gops > 1, "Billions of operations a second."
    assert limit.minimum_ms == pytest.approx(
        1000 * (limit.wide_gops / limit.wide_peak_gops + limit.int8_gops / limit.int8_peak_gops)
    )
    assert limit.ratio > 1, "So small a graph is mostly the call."
    assert "times the limit" in limit.describe() and "in 8 bits" in limit.describe() and "in f32" in limit.describe()


def test_a_graph_served_in_bfloat16_is_held_against_that_peak(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    compile_model = processor_limit.compile_model

    def recorded(model: object, threads: int, *, half: bool) -> openvino.CompiledModel:
        asked.append(half)
        return compile_model(model, threads, half=half)

    monkeypatch.setattr(processor_limit, "compile_model", recorded)
    limit = measure_limit(graph, "bf16")
    assert asked == [True] * 5, "The graph, and two peaks for each number of bits."
    assert "in bf16" in limit.describe()
