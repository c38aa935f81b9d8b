"""How long one image takes through the scoring graph, against ResNet18 with the pixel autoencoder alone.

Both are exported by the product's export and compiled as serving compiles them: the same size, the same threads, 32
bits, one image at a time. Their inferences alternate, and which comes first alternates too, so that what else the
machine does falls on both. How long a version learned changes nothing about its graph, so each network learns for one
epoch, from up to 64 good and 64 defective images: enough to fill its memories of patches.
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

from mltasks.vision.benchmarks.part_folder import Parts, look
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table
from mltasks.vision.benchmarks.serving_speed.reference_graph import export_peer
from mltasks.vision.benchmarks.serving_speed.served_version import served
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.export.version_weights import read_pixels
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.serving.scorer import compile_graph
from mltasks.vision.types import DEFECT, GOOD, Sample

LEARN_FROM, IMAGES, WARM, PAIRS = 64, 8, 10, 60
LEARNING = 0.5
Image = NDArray[np.uint8]
Infer = Callable[[Image], object]


def serving_graph(samples: Sequence[Sample], bench: Bench) -> Table:
    """Milliseconds of both and their ratio; see above. ``repeats`` are rounds of 60 pairs each. Raises NotEnoughLabels
    and ExportMismatch."""
    recipe = replace(
        bench.config,
        views=1,
        max_epochs=1,
        dense_epochs=1,
        autoencoder_epochs=1,
        stage_epochs=min(1, bench.config.stage_epochs),
        stage_labels=1,
    )
    ready = assign_splits(some_of(samples), replace(recipe, cross_validate_below=0))
    parts = look(ready, range(len(ready)), bench.part(0, LEARNING / 2, "looking at the parts", recipe))
    with TemporaryDirectory(prefix="second-look-") as folder:
        ours, peer = _exported(parts, ready, Path(folder), bench.part(LEARNING / 2, LEARNING, "learning"))
    images = [read_pixels(sample, parts.lesson.material.config) for sample in ready[:IMAGES]]
    interleaved(ours, peer, images, WARM)
    runs = []
    for number in range(bench.repeats):
        runs.append(in_figures(interleaved(ours, peer, images, PAIRS)))
        title = f"round {number + 1} of {bench.repeats}"
        bench.stage.report(LEARNING + (1 - LEARNING) * (number + 1) / bench.repeats, title)
        bench.tell(title, runs[-1])
    size = parts.lesson.material.config
    words = (
        f"One image of {size.height} × {size.width} on {threads(size.threads)} threads, OpenVINO in 32 bits, without "
        f"decoding: medians of {PAIRS} alternating pairs in each of {bench.repeats} rounds, their mean with a 95 % "
        "interval over rounds. The peer is ResNet18 with global pooling and the pixel autoencoder, in one graph."
    )
    return Table(words, [Row.of("one image", runs)])


def some_of(samples: Sequence[Sample]) -> list[Sample]:
    """Some of each class, spread over all."""
    chosen: list[Sample] = []
    for target in (GOOD, DEFECT):
        every = [sample for sample in samples if sample.target == target]
        chosen += every[:: -(-len(every) // LEARN_FROM)]
    return chosen


def _exported(parts: Parts, samples: Sequence[Sample], folder: Path, bench: Bench) -> tuple[Infer, Infer]:
    """Our version and its peer, exported and compiled alike."""
    config = parts.lesson.material.config
    version = served(parts, samples, config.seed, folder, bench.stage)
    export_peer(load_backbone(config.backbone, "random")[0], (config.height, config.width), folder / "peer.xml")
    ours, peer = (compile_graph(path, threads(config.threads)) for path in (version.graph, folder / "peer.xml"))
    return _infer(ours), _infer(peer)


def threads(wanted: int) -> int:
    """The number of threads that both graphs run on: torch's default where none is asked for."""
    return wanted or torch.get_num_threads()


def _infer(model: openvino.CompiledModel) -> Infer:
    request = model.create_infer_request()
    return lambda image: request.infer([image[None]])


def interleaved(
    ours: Infer,
    peer: Infer,
    images: Sequence[Image],
    pairs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> NDArray[np.float64]:
    """Milliseconds ``[pairs, 2]`` of ours and of the peer on the same image, one after the other; every other pair
    begins with the peer."""
    took = np.zeros((pairs, 2))
    for pair in range(pairs):
        image = images[pair // 2 % len(images)]
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            started = clock()
            (ours, peer)[which](image)
            took[pair, which] = 1000 * (clock() - started)
    return took


def in_figures(took: NDArray[np.float64]) -> dict[str, float]:
    """Medians of milliseconds ``[pairs, 2]``, their ratio, and the ratios that a tenth of the pairs lie below and
    above."""
    ours, peer = np.median(took, axis=0)
    low, high = np.quantile(took[:, 0] / took[:, 1], [0.1, 0.9])
    return {
        "Second Look, ms": float(ours),
        "ResNet18 and pixel autoencoder, ms": float(peer),
        "ratio": float(ours / peer),
        "ratio, a tenth of pairs below": float(low),
        "ratio, a tenth of pairs above": float(high),
    }
