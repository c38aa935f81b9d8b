"""Time of a graph for one image, as a time budget counts it."""

from __future__ import annotations

import time

import numpy as np
import openvino
from numpy.typing import NDArray

from mltasks.vision.serving.scorer import compile_model

# Inferences of one image: the first ones prepare memory and are not counted.
WARM_UP_RUNS, RUNS = 1, 5


def median_milliseconds(
    model: openvino.Model | openvino.CompiledModel, image: NDArray[np.float32] | NDArray[np.uint8]
) -> float:
    """Return the median time for the image; a graph is compiled for one thread and 32 bits, as in serving."""
    compiled = model if isinstance(model, openvino.CompiledModel) else compile_model(model, threads=1)
    request = compiled.create_infer_request()
    took = []
    for _ in range(WARM_UP_RUNS + RUNS):
        started = time.perf_counter()
        request.infer([image])
        took.append(1000 * (time.perf_counter() - started))
    return float(np.median(took[WARM_UP_RUNS:]))
