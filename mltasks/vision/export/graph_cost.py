"""Time and operations of a version's graph, measured before the version is written."""

from __future__ import annotations

import time

import numpy as np
import torch

from mltasks.vision.calibration.operating_point import OperatingPoint
from mltasks.vision.export.graph_operations import count_gflop
from mltasks.vision.export.version_weights import serving_model
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.serving.scorer import compile_model
from mltasks.vision.training.fit import FittedVersion
from mltasks.vision.training.speed.score_sets import GraphCost

# Inferences of one image: the first ones prepare memory and are not counted.
WARM_UP_RUNS, RUNS = 1, 5


def measure_graph(fitted: FittedVersion, point: OperatingPoint) -> GraphCost:
    """Return the cost of the serving graph of a training's final networks at an operating point.

    The time is the median for one image on one thread, in 32 bits, compiled as in serving."""
    height, width = fitted.config.height, fitted.config.width
    model = trace_to_openvino(serving_model(fitted, point), torch.zeros((1, height, width, 3), dtype=torch.uint8))
    gflop = count_gflop(model)
    request = compile_model(model, threads=1).create_infer_request()
    image = np.random.default_rng(fitted.config.seed).integers(0, 256, (1, height, width, 3), np.uint8)
    took = []
    for _ in range(WARM_UP_RUNS + RUNS):
        started = time.perf_counter()
        request.infer([image])
        took.append(1000 * (time.perf_counter() - started))
    return GraphCost(round(float(np.median(took[WARM_UP_RUNS:])), 1), round(gflop, 3))
