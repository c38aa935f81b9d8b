"""Export of a version's networks: all weights, and the serving graph at its precision."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import openvino
import torch
from safetensors.torch import save_file

from mltasks.vision.calibration.operating_point import OperatingPoint
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.export.graph_operations import GraphOperations, count_operations
from mltasks.vision.export.openvino_export import ExportAgreement, ServingModel, check_agreement, export_graph
from mltasks.vision.export.precision import (
    CALIBRATION_IMAGES,
    TEST_IMAGES,
    HeldOutPart,
    PrecisionReport,
    ScoreScales,
    check_precisions,
)
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.serving import bundle
from mltasks.vision.serving.precisions import F32
from mltasks.vision.serving.scorer import compile_model, compile_precision
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import read_pixels
from mltasks.vision.training.fit import AUTO, FittedVersion
from mltasks.vision.types import DEFECT, GOOD, Sample

AGREEMENT_IMAGES = 16
Labeled = TypeVar("Labeled", Sample, Prediction)


class ExportedWeights(NamedTuple):
    """Agreement with torch, operations, precisions, and the fastest graph compiled for the training's threads."""

    agreement: ExportAgreement
    operations: GraphOperations
    precision: PrecisionReport
    graph: openvino.CompiledModel


def write_networks(fitted: FittedVersion, samples: Sequence[Sample], draft: Path) -> ExportedWeights:
    """Write the weights and the serving graph, and check the graph and its precisions.

    Raises ExportMismatch and UnreadableSample."""
    config, point = fitted.config, fitted.operating_point
    serving = serving_model(fitted, point)
    state = {name: tensor.contiguous() for name, tensor in serving.state_dict().items()}
    save_file(state, draft / bundle.WEIGHTS)
    graph = draft / bundle.GRAPH
    export_graph(serving, graph, config.height, config.width)
    images = [read_pixels(sample, config.input_size) for sample in sample_images(samples, config, AGREEMENT_IMAGES)]
    compiled = compile_model(graph, torch.get_num_threads())
    agreement = check_agreement(serving, compiled, images, point.calibrator)
    all_scores = serving_model(fitted, point.with_all_scores()) if point.fusion.dropped else None
    operations = count_operations(openvino.Core().read_model(graph), all_scores, (config.height, config.width))
    if config.precision != AUTO:
        return ExportedWeights(agreement, operations, PrecisionReport("Set by the training's settings."), compiled)
    calibration = [read_pixels(sample, config.input_size) for sample in _calibration_samples(samples, config)]
    parts = [_held_out_part(row, config) for row in _precision_test_rows(fitted)]
    scales = ScoreScales(point.calibrator, serving.novelty_threshold, serving.labeled_novelty_threshold)
    report = check_precisions(graph, calibration, parts, scales)
    if (fastest := report.fastest) != F32:
        compiled = compile_precision(draft, fastest, torch.get_num_threads())
    return ExportedWeights(agreement, operations, report, compiled)


def serving_model(fitted: FittedVersion, point: OperatingPoint) -> ServingModel:
    """Return the model of the final networks at an operating point, on copies of the networks."""
    config, final = fitted.config, fitted.final
    heads = {name: copy.deepcopy(head) for name, head in final.heads.items()}
    size = (config.height, config.width)
    serving = ServingModel(copy.deepcopy(fitted.trunk), heads, copy.deepcopy(final.autoencoder), point, size)
    serving.cpu().eval()
    return serving


def sample_images(samples: Sequence[Sample], config: TrainConfig, count: int) -> list[Sample]:
    """Return up to ``count`` random images by the seed; a smaller count gives a prefix."""
    generator = np.random.default_rng(derive_seed(config.seed, "export check"))
    return [samples[index] for index in generator.permutation(len(samples))[:count]]


def _calibration_samples(samples: Sequence[Sample], config: TrainConfig) -> list[Sample]:
    """Draw images for the ranges of 8 bits, by the seed; up to half are defects, whose activations are larger."""
    return _up_to_half_defects(sample_images(samples, config, len(samples)), CALIBRATION_IMAGES)


def _precision_test_rows(fitted: FittedVersion) -> list[Prediction]:
    """Draw held-out images to compare precisions on, by the seed; up to half are defects."""
    generator = np.random.default_rng(derive_seed(fitted.config.seed, "precision"))
    rows = [fitted.predictions[index] for index in generator.permutation(len(fitted.predictions))]
    return _up_to_half_defects(rows, TEST_IMAGES)


def _up_to_half_defects(shuffled: Sequence[Labeled], count: int) -> list[Labeled]:
    """Return the first ``count`` items, of which at most half are defects; the defects come first."""
    defects = [item for item in shuffled if item.target == DEFECT][: count // 2]
    return defects + [item for item in shuffled if item.target == GOOD][: count - len(defects)]


def _held_out_part(row: Prediction, config: TrainConfig) -> HeldOutPart:
    sample = Sample(row.name, row.sha256, row.path, row.target, row.part, roi=row.roi, bit_depth=row.bit_depth)
    return HeldOutPart(read_pixels(sample, config.input_size), row.logit, row.target)
