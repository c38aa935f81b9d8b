"""Number of arithmetic operations of an exported graph, for reports and speed limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import openvino
import torch

from mltasks.vision.export.openvino_export import ServingModel
from mltasks.vision.networks.tracing import trace_to_openvino

# Axes of a convolution's weights before its terms: output channels, and groups before them
_OUTPUT_AXES = {"Convolution": 1, "GroupConvolution": 2}
OPERATIONS_PER_GFLOP = 1e9


@dataclass(frozen=True, slots=True)
class GraphOperations:
    """GFLOP of one image: of the version's graph, and of a graph with all trained scores."""

    gflop: float
    gflop_all_scores: float


def count_operations(graph: openvino.Model, all_scores: ServingModel | None, size: tuple[int, int]) -> GraphOperations:
    """Count the operations of a version's graph, and of a model with all scores if some were left out."""
    gflop = round(count_gflop(graph), 3)
    if all_scores is None:
        return GraphOperations(gflop, gflop)
    everything = trace_to_openvino(all_scores, torch.zeros((1, *size, 3), dtype=torch.uint8))
    return GraphOperations(gflop, round(count_gflop(everything), 3))


def count_gflop(model: openvino.Model) -> float:
    """Return the GFLOP of one image: 2 × the multiply-adds of all convolutions and matrix products.

    Other operations, such as additions and activations, are not counted; shapes must be static.
    """
    return sum(_operations(node) for node in model.get_ordered_ops()) / OPERATIONS_PER_GFLOP


def _operations(node: openvino.Node) -> int:
    kind = node.get_type_name()
    if kind in _OUTPUT_AXES:
        # Each output sums over the kernel and the input channels of its group.
        terms = math.prod(node.input_value(1).get_shape()[_OUTPUT_AXES[kind] :])
    elif kind == "MatMul":
        left = node.input_value(0).get_shape()
        terms = left[-2] if node.get_attributes()["transpose_a"] and len(left) > 1 else left[-1]
    else:
        return 0
    return int(2 * math.prod(node.output(0).get_shape()) * terms)
