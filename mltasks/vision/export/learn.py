"""Training and export of a version: from labeled images to the version's directory."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import openvino

from mltasks.vision.data.splits import assign_splits
from mltasks.vision.evaluation.chart_file import write_charts
from mltasks.vision.evaluation.evaluate import Evaluation
from mltasks.vision.evaluation.report import build_report
from mltasks.vision.evaluation.report_charts import report_charts, training_chart
from mltasks.vision.evaluation.worst_errors import write_contact_sheet, write_error_heatmaps, write_error_images
from mltasks.vision.export.graph_cost import measure_graph
from mltasks.vision.export.openvino_export import OUTPUTS
from mltasks.vision.export.source_version import source_version
from mltasks.vision.export.version_evaluation import build_escape_curve, evaluate_version, trade_report
from mltasks.vision.export.version_weights import ExportedWeights, write_networks
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.networks.embedder import embedding_space
from mltasks.vision.serving import bundle
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.train_config import SEGMENTATION_RECIPE, TrainConfig
from mltasks.vision.training.fit import FittedVersion, fit
from mltasks.vision.training.progress import Stage
from mltasks.vision.training.speed.input_budget import choose_input_size_within
from mltasks.vision.types import EMBEDDING_DIMENSIONS, ProgressCallback, Sample, no_progress

LIBRARIES = ("torch", "torchvision", "openvino", "nncf", "numpy", "pillow", "safetensors")
META_FORMAT = 2


@dataclass(frozen=True, slots=True)
class LearnedVersion:
    """Version on disk: directory, digest of the directory, evaluation, report and meta data.

    ``report`` and ``meta`` are the contents of ``report.json`` and ``meta.json``."""

    bundle_dir: Path
    sha256: str
    evaluation: Evaluation
    report: dict[str, Any]
    meta: dict[str, Any]


def learn(
    samples: Sequence[Sample], config: TrainConfig, out_dir: Path, progress: ProgressCallback = no_progress
) -> LearnedVersion:
    """Split the samples unless they carry splits, train, evaluate, export and write ``out_dir``.

    Raises NotEnoughLabels, UnreadableSample (naming the image), ExportMismatch, ValueError for invalid settings, and
    FileExistsError. After an error ``out_dir`` does not exist, unless it existed before (FileExistsError)."""
    if out_dir.exists():
        raise FileExistsError(f"{out_dir} exists; a version's directory is written once.")
    started = time.monotonic()
    whole = Stage(progress)
    whole.report(0, "starting")
    ready = list(samples) if samples and all(sample.split for sample in samples) else assign_splits(samples, config)
    # The row order of the database must not change the weights.
    ready.sort(key=lambda sample: (sample.sha256, sample.name))
    with reproducible(config.threads) as compute:
        config = choose_input_size_within(config, ready)
        fitted = fit(ready, config, compute, whole.substage(0, 0.95), measure_graph)
        whole.report(0.95, "evaluating")
        evaluation = evaluate_version(fitted)
        whole.report(0.97, "writing the version")
        learned = write_version(fitted, evaluation, ready, out_dir, started)
    whole.report(1, "done")
    return learned


def write_version(
    fitted: FittedVersion, evaluation: Evaluation, samples: Sequence[Sample], out_dir: Path, started: float
) -> LearnedVersion:
    """Write the version's directory atomically; ``started`` is a time on the monotonic clock.

    Raises ExportMismatch."""
    report, meta = build_report(evaluation), dict[str, Any]()

    def fill(draft: Path) -> None:
        networks = write_networks(fitted, samples, draft)
        meta.update(build_meta(fitted, samples, networks, time.monotonic() - started))
        bundle.write_json(draft / bundle.META, meta)
        bundle.write_json(draft / bundle.REPORT, report)
        write_figures(draft, fitted, evaluation, report, networks.graph)

    return LearnedVersion(out_dir, bundle.write_atomic(out_dir, fill), evaluation, report, meta)


def write_figures(
    draft: Path, fitted: FittedVersion, evaluation: Evaluation, report: dict[str, Any], graph: openvino.CompiledModel
) -> None:
    """Write the plots, and the worst errors as images, each with the heatmap of ``graph``."""
    losses = {name: [epoch.validation_loss for epoch in fold.curve] for name, fold in fitted.folds.items()}
    training = training_chart(losses, early_stopped=fitted.config.head != SEGMENTATION_RECIPE)
    write_charts(draft / "plots", {**report_charts(report), "training": training})
    write_error_images(draft / "worst", evaluation.worst_errors)
    if evaluation.worst_errors:
        write_contact_sheet(draft / "plots" / "worst_mistakes.jpg", evaluation.worst_errors)
        write_error_heatmaps(draft / "worst", evaluation.worst_errors, Scorer(graph, bundle.read_meta(draft), ""))


def build_meta(
    fitted: FittedVersion, samples: Sequence[Sample], networks: ExportedWeights, seconds: float
) -> dict[str, Any]:
    """Return the contents of ``meta.json``: what scoring needs, and the version's origin."""
    config, point = fitted.config, fitted.operating_point
    return {
        "format": META_FORMAT,
        "input": {
            "height": config.height,
            "width": config.width,
            "keep_shape": config.keep_shape,
            "layout": "uint8 RGB [1, height, width, 3]",
        },
        "outputs": list(OUTPUTS),
        "classes": ["good", "defect"],
        "thresholds": asdict(fitted.thresholds),
        "calibration": point.calibrator.to_json(),
        "evidence": point.evidence.to_json() if point.evidence else None,
        "fusion": point.fusion.to_json(),
        "novelty": {
            "detector": point.detector,
            "threshold": point.thresholds[point.detector],
            "known_threshold": point.labeled_novelty_threshold,
            "together": {name: list(level) for name, level in point.ensemble.log_scores.items()}
            if point.ensemble
            else {},
            "map_scales": point.map_scales,
        },
        "anomaly_map_scale": point.map_scale,
        "embedding": {
            "space": embedding_space(fitted.trunk, config.height, config.width, keep_shape=config.keep_shape),
            "dimensions": EMBEDDING_DIMENSIONS,
        },
        "escapes": build_escape_curve(fitted).to_json(),
        "config": config.to_json(),
        "backbone": {"name": config.backbone, **asdict(fitted.weights)},
        "companion": asdict(fitted.trunk.companion.weights) if fitted.trunk.companion else None,
        "training": {
            "images": len(samples),
            "good": sum(sample.target == 0 for sample in samples),
            "defect": sum(sample.target == 1 for sample in samples),
            "protocol": fitted.protocol.describe(),
            "views": fitted.views,
            "best_epochs": {name: fold.best_epoch for name, fold in fitted.folds.items()},
            "seconds": round(seconds, 1),
        },
        "compute": {**fitted.compute, "machine": platform.machine(), "python": platform.python_version()},
        "libraries": {name: version(name) for name in LIBRARIES},
        "code": source_version(),
        "export_agreement": asdict(networks.agreement),
        "operations": asdict(networks.operations),
        "precision": networks.precision.to_json(),
        "trade": trade_report(fitted),
    }
