"""Times of a version's precisions on this processor, for a version that another processor trained.

Run as a program, so that compiled graphs leave no memory behind in a web process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.serving.precisions import PRECISIONS, Precision
from mltasks.vision.serving.scorer import compile_precision

WARM_UP_ROUNDS, ROUNDS = 2, 9
# Compiling and timing four graphs takes some 5 s on an idle core.
MAX_SECONDS = 120.0

Milliseconds = dict[str, float]


def measure_in_new_process(bundle_dir: Path, precisions: Sequence[Precision]) -> Milliseconds:
    """Return the median time of one image on one thread by the precision's name.

    Raises OSError and subprocess.SubprocessError if the program fails or takes longer than MAX_SECONDS."""
    names = [precision.name for precision in precisions]
    command = [sys.executable, "-m", __spec__.name, str(bundle_dir), *names]
    done = subprocess.run(  # noqa: S603 - this program, with names of our own
        command, capture_output=True, check=True, timeout=MAX_SECONDS, text=True
    )
    took: Milliseconds = json.loads(done.stdout)
    return took


def time_alternating(requests: Mapping[str, Any], image: NDArray[np.uint8]) -> Milliseconds:
    """Return each inference request's median milliseconds for an image ``[1, height, width, 3]``.

    The requests take turns, so that a changing load of the machine affects all of them."""
    took: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(WARM_UP_ROUNDS + ROUNDS):
        for name, request in requests.items():
            started = time.perf_counter()
            request.infer([image])
            took[name].append(1000 * (time.perf_counter() - started))
    return {name: float(np.median(times[WARM_UP_ROUNDS:])) for name, times in took.items()}


def main(bundle_dir: Path, names: Sequence[str]) -> None:
    """Print the times of the named precisions as JSON."""
    chosen = [PRECISIONS[name] for name in names]
    graphs = {each.name: compile_precision(bundle_dir, each, threads=1) for each in chosen}
    shape = next(iter(graphs.values())).inputs[0].shape
    image = np.random.default_rng(0).integers(0, 256, tuple(shape), np.uint8)
    print(json.dumps(time_alternating({name: graph.create_infer_request() for name, graph in graphs.items()}, image)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
