"""Labeled images in, a version's directory out: the one call that a training process makes."""

from __future__ import annotations

import copy
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from mltasks.vision import bundle
from mltasks.vision.compute import derive_seed, reproducible
from mltasks.vision.data import assign_splits
from mltasks.vision.evaluate import Evaluation, evaluate
from mltasks.vision.export import OUTPUTS, Agreement, Serving, check_agreement, export_graph
from mltasks.vision.fit import Fitted, fit
from mltasks.vision.mistakes import write_pictures, write_sheet
from mltasks.vision.plots import write_plots
from mltasks.vision.progress import Stage
from mltasks.vision.trunk_views import read_sample
from mltasks.vision.types import ProgressCallback, Sample, TrainConfig, no_progress

CHECKED_IMAGES = 16
LIBRARIES = ("torch", "torchvision", "openvino", "numpy", "pillow", "safetensors")
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Learned:
    """A version on disk: its directory, that directory's digest, its evaluation and its ``meta.json``."""

    bundle_dir: Path
    sha256: str
    evaluation: Evaluation
    meta: dict[str, Any]


def learn(
    samples: Sequence[Sample], config: TrainConfig, out_dir: Path, progress: ProgressCallback = no_progress
) -> Learned:
    """Split (unless the samples carry their splits), train, evaluate, export and write one directory ``out_dir``.

    Raises NotEnoughLabels, UnreadableSample (naming the image), ExportMismatch, ValueError for settings that can't
    work, FileExistsError; after any of them ``out_dir`` does not exist.
    """
    if out_dir.exists():
        raise FileExistsError(f"{out_dir} exists; a version's directory is written once.")
    started = time.monotonic()
    whole = Stage(progress)
    whole.report(0, "starting")
    ready = list(samples) if samples and all(sample.split for sample in samples) else assign_splits(samples, config)
    # The order in which a database gives its rows must not change the weights.
    ready.sort(key=lambda sample: (sample.sha256, sample.name))
    with reproducible(config.threads) as compute:
        fitted = fit(ready, config, compute, whole.part(0, 0.95))
        whole.report(0.95, "measuring")
        evaluation = evaluate(
            fitted.predictions, fitted.protocol, config.costs, fitted.thresholds, weights=fitted.weights.name
        )
        whole.report(0.97, "writing the version")
        learned = write_version(fitted, evaluation, ready, out_dir, started)
    whole.report(1, "done")
    return learned


def write_version(
    fitted: Fitted, evaluation: Evaluation, samples: Sequence[Sample], out_dir: Path, started: float
) -> Learned:
    """Write the directory, whole or not at all. Raises ExportMismatch; ``started`` is on the monotonic clock."""
    images = [read_pixels(sample, fitted.config) for sample in checked(samples, fitted.config)]
    report, meta = evaluation.to_json(), dict[str, Any]()

    def fill(draft: Path) -> None:
        agreement = write_networks(fitted, draft, images)
        meta.update(meta_of(fitted, samples, agreement, time.monotonic() - started))
        bundle.write_json(draft / bundle.META, meta)
        bundle.write_json(draft / bundle.REPORT, report)
        write_figures(draft, fitted, evaluation, report)

    return Learned(out_dir, bundle.write_whole(out_dir, fill), evaluation, meta)


def write_networks(fitted: Fitted, draft: Path, images: Sequence[NDArray[np.uint8]]) -> Agreement:
    """Write all weights and the serving graph, and compare the two. Raises ExportMismatch."""
    config, final = fitted.config, fitted.final
    serving = Serving(copy.deepcopy(final.classifier), copy.deepcopy(final.autoencoder), config.height, config.width)
    serving.cpu().eval()
    state = {name: tensor.contiguous() for name, tensor in serving.state_dict().items()}
    save_file(state, draft / bundle.WEIGHTS)
    export_graph(serving, draft / bundle.GRAPH, config.height, config.width)
    return check_agreement(serving, draft / bundle.GRAPH, images, fitted.setting.calibrator)


def write_figures(draft: Path, fitted: Fitted, evaluation: Evaluation, report: dict[str, Any]) -> None:
    """Write the plots, and the worst mistakes as pictures."""
    write_plots(draft / "plots", report, {name: one.curve for name, one in fitted.rounds.items()})
    write_pictures(draft / "worst", evaluation.mistakes)
    if evaluation.mistakes:
        write_sheet(draft / "plots" / "worst_mistakes.jpg", evaluation.mistakes)


def meta_of(fitted: Fitted, samples: Sequence[Sample], agreement: Agreement, seconds: float) -> dict[str, Any]:
    """What scoring needs, and where the version comes from."""
    config = fitted.config
    return {
        "format": FORMAT,
        "input": {"height": config.height, "width": config.width, "layout": "uint8 RGB [1, height, width, 3]"},
        "outputs": list(OUTPUTS),
        "classes": ["good", "defect"],
        "thresholds": asdict(fitted.thresholds),
        "calibration": asdict(fitted.setting.calibrator),
        "anomaly_map_scale": fitted.setting.anomaly_map_scale,
        "config": config.to_json(),
        "backbone": {"name": config.backbone, **asdict(fitted.weights)},
        "training": {
            "images": len(samples),
            "good": sum(sample.target == 0 for sample in samples),
            "defect": sum(sample.target == 1 for sample in samples),
            "protocol": fitted.protocol.in_words(),
            "views": fitted.views,
            "best_epochs": {name: one.best_epoch for name, one in fitted.rounds.items()},
            "seconds": round(seconds, 1),
        },
        "compute": {**fitted.compute, "machine": platform.machine(), "python": platform.python_version()},
        "libraries": {name: version(name) for name in LIBRARIES},
        "export_agreement": agreement.to_json(),
    }


def checked(samples: Sequence[Sample], config: TrainConfig) -> list[Sample]:
    """The images on which the exported graph is compared with torch: up to sixteen, drawn from the seed."""
    generator = np.random.default_rng(derive_seed(config.seed, "export check"))
    count = min(CHECKED_IMAGES, len(samples))
    return [samples[index] for index in generator.choice(len(samples), count, replace=False)]


def read_pixels(sample: Sample, config: TrainConfig) -> NDArray[np.uint8]:
    """The image as serving sees it, uint8 ``[height, width, 3]``. Raises UnreadableSample."""
    pixels: NDArray[np.uint8] = read_sample(sample, config).permute(1, 2, 0).contiguous().numpy()
    return pixels
