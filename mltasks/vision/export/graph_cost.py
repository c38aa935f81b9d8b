"""Time and operations of a version's graph, measured before the version is written."""

from __future__ import annotations

import numpy as np
import torch

from mltasks.vision.calibration.operating_point import OperatingPoint
from mltasks.vision.export.graph_operations import count_gflop
from mltasks.vision.export.version_weights import serving_model
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.training.fit import FittedVersion
from mltasks.vision.training.speed.graph_timer import median_milliseconds
from mltasks.vision.training.speed.score_sets import GraphCost


def measure_graph(fitted: FittedVersion, point: OperatingPoint) -> GraphCost:
    """Return the cost of the serving graph of a training's final networks at an operating point.

    The time is ``median_milliseconds``."""
    height, width = fitted.config.height, fitted.config.width
    model = trace_to_openvino(serving_model(fitted, point), torch.zeros((1, height, width, 3), dtype=torch.uint8))
    gflop = count_gflop(model)
    image = np.random.default_rng(fitted.config.seed).integers(0, 256, (1, height, width, 3), np.uint8)
    return GraphCost(round(median_milliseconds(model, image), 1), round(gflop, 3))
