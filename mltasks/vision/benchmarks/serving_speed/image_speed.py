"""Scoring time of one image, against ResNet18 with the pixel autoencoder alone.

Both graphs use the product's export and serving's compilation: same size, same threads, 32 bits, one image at a time.
Inferences alternate, and the first of each pair alternates too, so other load on the machine affects both. Training
length does not change the graph. Each network therefore trains for one epoch on up to 64 good and 64 defective
images, enough to fill its patch memories.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import openvino
import torch
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.reference_networks import export_reference
from mltasks.vision.benchmarks.repeated_figures import Row, Table
from mltasks.vision.benchmarks.serving_speed.served_version import train_served_version
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.serving.bundle import GRAPH
from mltasks.vision.serving.scorer import compile_model
from mltasks.vision.training.features.feature_bank import read_pixels
from mltasks.vision.types import DEFECT, GOOD, Sample

TRAIN_IMAGES, IMAGES, WARMUP_PAIRS, PAIRS = 64, 8, 10, 60
TRAINING_SHARE = 0.5
Image = NDArray[np.uint8]
Infer = Callable[[Image], object]


def measure_serving_graph(samples: Sequence[Sample], bench: Bench) -> Table:
    """Measure milliseconds of both graphs and their ratio.

    ``repeats`` are rounds of 60 pairs each. Raises NotEnoughLabels and ExportMismatch.
    """
    recipe = replace(
        bench.config,
        views=1,
        max_epochs=1,
        dense_epochs=1,
        autoencoder_epochs=1,
        stage_epochs=min(1, bench.config.stage_epochs),
        stage_labels=1,
    )
    ready = assign_splits(subsample_classes(samples), replace(recipe, cross_validate_below=0))
    parts = prepare_parts(
        ready, range(len(ready)), bench.for_substage(0, TRAINING_SHARE / 2, "computing features", recipe)
    )
    with TemporaryDirectory(prefix="second-look-") as folder:
        ours, peer = _exported(
            parts, ready, Path(folder), bench.for_substage(TRAINING_SHARE / 2, TRAINING_SHARE, "training")
        )
    images = [read_pixels(sample, parts.context.data.config.input_size) for sample in ready[:IMAGES]]
    time_alternating(ours, peer, images, WARMUP_PAIRS)
    runs = []
    for number in range(bench.repeats):
        runs.append(timing_figures(time_alternating(ours, peer, images, PAIRS)))
        title = f"round {number + 1} of {bench.repeats}"
        bench.stage.report(TRAINING_SHARE + (1 - TRAINING_SHARE) * (number + 1) / bench.repeats, title)
        bench.report_row(title, runs[-1])
    size = parts.context.data.config
    protocol = (
        f"One image of {size.height} × {size.width} on {thread_count(size.threads)} threads, OpenVINO in 32 bits, "
        f"without decoding: medians of {PAIRS} alternating pairs in each of {bench.repeats} rounds, their mean with a "
        "95 % interval over rounds. The reference is ResNet18 with global pooling and the pixel autoencoder, in one "
        "graph."
    )
    return Table(protocol, [Row.from_runs("one image", runs)])


def subsample_classes(samples: Sequence[Sample]) -> list[Sample]:
    """Return at most 64 samples of each class, evenly spaced."""
    chosen: list[Sample] = []
    for target in (GOOD, DEFECT):
        every = [sample for sample in samples if sample.target == target]
        chosen += every[:: -(-len(every) // TRAIN_IMAGES)]
    return chosen


def _exported(parts: PreparedParts, samples: Sequence[Sample], folder: Path, bench: Bench) -> tuple[Infer, Infer]:
    """Export and compile our version and the reference."""
    config = parts.context.data.config
    train_served_version(parts, samples, config.seed, folder, bench.stage)
    export_reference(load_backbone("resnet18", "random")[0], (config.height, config.width), folder / "peer.xml")
    product, reference = (compile_model(folder / name, thread_count(config.threads)) for name in (GRAPH, "peer.xml"))
    return _infer(product), _infer(reference)


def thread_count(configured: int) -> int:
    """Return the threads of both graphs: torch's default for 0."""
    return configured or torch.get_num_threads()


def _infer(model: openvino.CompiledModel) -> Infer:
    request = model.create_infer_request()
    return lambda image: request.infer([image[None]])


def time_alternating(
    product: Infer,
    reference: Infer,
    images: Sequence[Image],
    pairs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> NDArray[np.float64]:
    """Return milliseconds ``[pairs, 2]`` of product and reference on the same image.

    Every other pair begins with the reference.
    """
    took = np.zeros((pairs, 2))
    for pair in range(pairs):
        image = images[pair // 2 % len(images)]
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            started = clock()
            (product, reference)[which](image)
            took[pair, which] = 1000 * (clock() - started)
    return took


def timing_figures(took: NDArray[np.float64]) -> dict[str, float]:
    """Return medians of milliseconds ``[pairs, 2]`` and of their ratio, with its quantiles.

    The ratio is that of the medians; the quantiles are 0.1 and 0.9 of the pairs' ratios.
    """
    ours, peer = np.median(took, axis=0)
    low, high = np.quantile(took[:, 0] / took[:, 1], [0.1, 0.9])
    return {
        "Second Look, ms": float(ours),
        "ResNet18 and pixel autoencoder, ms": float(peer),
        "ratio": float(ours / peer),
        "ratio, 10th percentile": float(low),
        "ratio, 90th percentile": float(high),
    }
