"""Learning and export of a fast path: from stored images with the full graph's answers to a directory of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from mltasks.vision.export.graph_operations import count_gflop
from mltasks.vision.export.openvino_export import ExportMismatch
from mltasks.vision.fast_path.held_out import AnsweredImage, HeldOutSplit, split_images
from mltasks.vision.fast_path.screening_network import (
    NETWORK,
    ScreeningFeatures,
    ScreeningNetwork,
    choose_features,
    trace,
)
from mltasks.vision.guarantees.screening_certificate import (
    Certificate,
    HeldOutLogits,
    ScreeningTerms,
    TooFewParts,
    certify,
    missing_parts,
)
from mltasks.vision.networks.calibration_images import MIN_DEVIATION
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.serving import bundle
from mltasks.vision.serving.precisions import F32, Precision
from mltasks.vision.serving.scorer import compile_model, compile_precision
from mltasks.vision.stats.intervals import proportion
from mltasks.vision.training.features.feature_bank import read_pixels
from mltasks.vision.training.progress import Stage
from mltasks.vision.training.speed.graph_timer import median_milliseconds
from mltasks.vision.types import InputSize, ProgressCallback, no_progress

META_FORMAT = 1
# Inverse ridge strength for about a thousand standardized features
RIDGE = 0.03
# The exported graph's logits differ from the features' by rounding; the line is lowered by this much.
LOGIT_TOLERANCE = 1e-3
CHECKED_IMAGES = 8

Floats = NDArray[np.float64]


class NothingSaved(ValueError):  # noqa: N818 - names what was found
    """The fast path would answer so few parts that screening every part takes longer than it saves."""


@dataclass(frozen=True, slots=True)
class LearningTask:
    """Images of a product, the full graph's directory, and the terms of the certificate.

    ``size`` is the version's input size; the full graph's answers are for this size. ``precision`` is the one that is
    served, whose time a passed part saves.
    """

    images: Sequence[AnsweredImage]
    full_graph: Path
    size: InputSize
    terms: ScreeningTerms
    seed: int = 0
    precision: Precision = F32


@dataclass(frozen=True, slots=True)
class LearnedFastPath:
    """Written directory of a fast path, its digest and the content of its ``meta.json``."""

    directory: Path
    sha256: str
    meta: dict[str, Any]


def learn_fast_path(
    task: LearningTask, out_dir: Path, origin: dict[str, Any], progress: ProgressCallback = no_progress
) -> LearnedFastPath:
    """Learn a screening network from the full graph's answers, certify its line and write both.

    ``origin`` is added to ``meta.json``: what the answers came from. Raises TooFewParts before anything is computed,
    TooManyOperations, NothingSaved, UnreadableSample, ExportMismatch, and FileExistsError if the directory exists.
    """
    split = split_images(task.images, task.seed)
    lacking = missing_parts(len(split.not_passed), len(split.defective), task.terms)
    if any(lacking):
        raise TooFewParts(lacking)
    _check_answers(task, split)
    stage, size = Stage(progress), (task.size.height, task.size.width)
    with reproducible(0):
        full_graph = openvino.Core().read_model(task.full_graph / bundle.GRAPH)
        features = choose_features(size, count_gflop(full_graph))
        fit_usual_maps(task, features, split, stage.substage(0, 0.3, "usual maps"))
        rows = compute_features(task, features, stage.substage(0.3, 0.9, "screening stored images"))
        weights, bias = fit_head(rows[split.learning], _not_passed(task)[split.learning])
        graph = trace(ScreeningNetwork(features, torch.tensor(weights, dtype=torch.float32), bias), size)
        logits = rows @ weights + bias
        stage.report(0.95, "checking the graph")
        _check_agreement(graph, task, logits)
        held_out = HeldOutLogits(logits[split.not_passed].tolist(), logits[split.defective].tolist())
        certificate = certify(held_out, task.terms, rounding=LOGIT_TOLERANCE)
        meta = {
            "format": META_FORMAT,
            "input": task.size._asdict(),
            "network": {"name": NETWORK, **asdict(features.maps.weights), **features.maps.depth._asdict()},
            **_figures(task, split, logits, certificate),
            **_cost(graph, full_graph, task),
            **origin,
        }
    _check_worth(meta)

    def fill(draft: Path) -> None:
        openvino.save_model(graph, draft / bundle.GRAPH, compress_to_fp16=False)
        bundle.write_json(draft / bundle.META, meta)

    return LearnedFastPath(out_dir, bundle.write_atomic(out_dir, fill), meta)


def fit_usual_maps(task: LearningTask, features: ScreeningFeatures, split: HeldOutSplit, stage: Stage) -> None:
    """Take the usual maps from the learning images that the full graph passes. Raises UnreadableSample."""
    passed = [task.images[at] for at in split.learning if task.images[at].passed]
    features.fit(_outputs(features.maps, passed, task.size, stage))


def compute_features(task: LearningTask, features: ScreeningFeatures, stage: Stage) -> Floats:
    """Return the features of all images, ``[n, F]``. Raises UnreadableSample."""
    return np.stack([row.astype(np.float64) for (row,) in _outputs(features, task.images, task.size, stage)])


def _outputs(
    network: nn.Module, images: Sequence[AnsweredImage], size: InputSize, stage: Stage
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the network's outputs of each image, without the axis of images."""
    graph = compile_model(trace(network, (size.height, size.width)))
    request = graph.create_infer_request()
    for number, image in enumerate(images, start=1):
        request.infer([read_pixels(image.sample, size)[None]])
        yield [request.get_output_tensor(at).data[0] for at in range(len(graph.outputs))]
        if number % 50 == 0 or number == len(images):
            stage.report(number / len(images), f"image {number} of {len(images)}")


def fit_head(rows: Floats, not_passed: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Fit a ridge-penalized logistic regression to rows ``[n, F]``; return its weights ``[F]`` and bias.

    Both classes have the same weight.
    """
    mean, deviation = rows.mean(0), np.maximum(rows.std(0), MIN_DEVIATION)
    model = LogisticRegression(C=RIDGE, class_weight="balanced", max_iter=1000)
    model.fit((rows - mean) / deviation, not_passed)
    weights = model.coef_[0] / deviation
    return weights, float(model.intercept_[0] - mean @ weights)


def _check_answers(task: LearningTask, split: HeldOutSplit) -> None:
    """Raise NothingSaved if the full graph gave the images to learn from only one answer."""
    if len({task.images[at].passed for at in split.learning}) < 2:
        raise NothingSaved("The full graph passes none or all of the stored parts: there is nothing to tell apart.")


def _not_passed(task: LearningTask) -> NDArray[np.bool_]:
    return np.array([not image.passed for image in task.images])


def _figures(task: LearningTask, split: HeldOutSplit, logits: Floats, certificate: Certificate) -> dict[str, Any]:
    """Return the certificate, the answered share of held-out parts with its interval, and counts of images."""
    answered = [certificate.passes(logit) for logit in logits[split.held_out]]
    return {
        "certificate": certificate.to_json(),
        "answered": proportion(answered, [split.parts[at] for at in split.held_out]).to_json(),
        "images": {
            "all": len(task.images),
            "learning": len(split.learning),
            "held_out": len(split.held_out),
            "not_passed": int(_not_passed(task).sum()),
        },
    }


def _cost(graph: openvino.Model, full_graph: openvino.Model, task: LearningTask) -> dict[str, Any]:
    """Return GFLOP and milliseconds on one thread, of the screening graph and of the full graph as served."""
    image = np.random.default_rng(0).integers(0, 256, (1, task.size.height, task.size.width, 3), np.uint8)
    served = compile_precision(task.full_graph, task.precision, threads=1)
    took = {"screening": median_milliseconds(graph, image), "full": median_milliseconds(served, image)}
    return {
        "gflop": {"screening": round(count_gflop(graph), 4), "full": round(count_gflop(full_graph), 4)},
        "milliseconds": {name: round(milliseconds, 2) for name, milliseconds in took.items()},
    }


def _check_worth(meta: dict[str, Any]) -> None:
    """Raise NothingSaved unless the answered share saves more time than screening every part takes."""
    answered, took = float(meta["answered"]["value"]), meta["milliseconds"]
    if answered * took["full"] <= took["screening"]:
        raise NothingSaved(
            f"The fast path would answer {answered:.1%} of the parts and saves no time: it takes "
            f"{took['screening']:.1f} ms for each part, the full graph {took['full']:.1f} ms."
        )


def _check_agreement(graph: openvino.Model, task: LearningTask, logits: Floats) -> None:
    """Raise ExportMismatch if the graph's logits of some images differ from those of the features."""
    request = compile_model(graph).create_infer_request()
    step = max(1, len(task.images) // CHECKED_IMAGES)
    for at in range(0, len(task.images), step):
        request.infer([read_pixels(task.images[at].sample, task.size)[None]])
        difference = abs(float(request.get_output_tensor(0).data[0]) - logits[at])
        if not difference <= LOGIT_TOLERANCE:
            raise ExportMismatch(
                f"The screening graph differs from its features by {difference:.2g} in a logit; at most "
                f"{LOGIT_TOLERANCE:g} is allowed."
            )
