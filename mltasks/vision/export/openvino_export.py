"""Serving graph: one OpenVINO model from pixels to scores and maps, checked against torch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.calibration.detector_ensemble import ENSEMBLE, MIN_ZSCORE
from mltasks.vision.calibration.fusion import MIN_SCORE
from mltasks.vision.calibration.operating_point import (
    LABELED_MEMORY,
    PIXEL_AUTOENCODER,
    SEGMENTATION,
    OperatingPoint,
)
from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder, pool_factor
from mltasks.vision.networks.embedder import build_embedder
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.serving.calibrator import Calibrator

OUTPUTS = ("defect_logit", "reconstruction_error", "evidence_map", "anomaly_map", "novelty", "known", "embedding")
PROBABILITY_TOLERANCE = 1e-3
ERROR_TOLERANCE = 1e-2
DISTANCE_TOLERANCE = 1e-3
MAX_PIXEL_VALUE = 255.0


class ExportMismatch(RuntimeError):  # noqa: N818 - names what was found
    """Error for an exported graph that scores differently from torch; no version is made."""


@dataclass(frozen=True, slots=True)
class ExportAgreement:
    """Largest differences between the exported graph and torch, and their tolerances.

    - ``probability``: absolute difference of the calibrated probability
    - ``reconstruction_error``: difference relative to torch's value
    - ``novelty``: difference relative to torch's value or the threshold, whichever is higher (a part in the memory has
      distance 0)
    - ``embedding``: cosine distance of a part's two embeddings
    - ``milliseconds``: median time of the graph per image, on the training's threads"""

    images: int
    probability: float
    reconstruction_error: float
    novelty: float
    embedding: float
    milliseconds: float
    probability_tolerance: float = PROBABILITY_TOLERANCE
    reconstruction_error_tolerance: float = ERROR_TOLERANCE
    embedding_tolerance: float = DISTANCE_TOLERANCE


class ServingModel(nn.Module):
    """Complete model of a version, with one pass of the trunk over uint8 RGB ``[1, H, W, 3]``.

    Only the heads and detectors that the operating point uses are part of it; the exported graph has no path to others.

    Outputs, in order:

    1. fused logit ``[1]``
    2. reconstruction error of the pixels ``[1]``
    3. evidence map: logit of each cell ``[1, h, w]``, of the segmentation head if there is one
    4. anomaly map ``[1, h', w']``
    5. novelty score of the deciding detector ``[1]``
    6. score of the memory of good parts and defects ``[1]``
    7. embedding of length 1, ``[1, 256]``"""

    def __init__(
        self,
        trunk: Trunk,
        heads: Mapping[str, Head],
        autoencoder: PixelAutoencoder,
        operating_point: OperatingPoint,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.embedder = build_embedder(trunk)
        used = operating_point.used_heads
        self.heads = nn.ModuleDict({name: head for name, head in heads.items() if name in used})
        self.autoencoder = autoencoder
        self.factor = pool_factor(*size)
        self.operating_point = operating_point
        self.fusion, self.detector = operating_point.fusion, operating_point.detector
        self.novelty_threshold = operating_point.thresholds[operating_point.detector]
        self.labeled_novelty_threshold = operating_point.labeled_novelty_threshold or self.novelty_threshold

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        rgb = image.permute(0, 3, 1, 2).to(torch.float32) / MAX_PIXEL_VALUE
        features = self.trunk(rgb)
        error, error_cells = self.autoencoder.errors(average_pixels(rgb, self.factor))
        outputs: dict[str, tuple[Tensor, Tensor]] = {name: head(features) for name, head in self.heads.items()}
        names = self.fusion.weights
        logit = self._fuse({name: outputs[name][0] for name in names})
        if SEGMENTATION in outputs:
            evidence = outputs[SEGMENTATION][1]
        else:
            cells = _resize_to_finest([outputs[name][1] for name in names])
            evidence = self._fuse(dict(zip(names, cells, strict=True)))
        score, novel_cells = self._novelty({**outputs, PIXEL_AUTOENCODER: (error, error_cells)})
        labeled_novelty = outputs[LABELED_MEMORY][0] if LABELED_MEMORY in outputs else score
        return logit, error, evidence, novel_cells, score, labeled_novelty, self.embedder(features)

    def _novelty(self, outputs: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the deciding detector's score and the anomaly map.

        If the ensemble decides, the score is that of ``DetectorEnsemble.combine``, in tensors."""
        point = self.operating_point
        cells = [outputs[name][1] / point.map_scales[name] for name in point.map_detectors]
        maps = torch.stack(_resize_to_finest(cells)).mean(0)
        if point.ensemble is None or self.detector != ENSEMBLE:
            return outputs[self.detector][0], maps
        standard = [
            ((outputs[name][0].clamp_min(MIN_SCORE).log() - level.mean) / level.deviation).clamp_min(MIN_ZSCORE)
            for name, level in point.ensemble.log_scores.items()
        ]
        return F.softplus(torch.stack(standard).mean(0)), maps

    def _fuse(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return ``Fusion.logits``, in tensors."""
        detectors = self.fusion.detectors
        labeled = self._sum({name: term for name, term in terms.items() if name not in detectors}) + self.fusion.bias
        if not detectors:
            return labeled
        novel = self._sum({name: terms[name].clamp_min(MIN_SCORE).log() for name in detectors})
        return labeled + F.softplus(novel + self.fusion.detector_bias - labeled)

    def _sum(self, terms: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([self.fusion.weights[name] * term for name, term in terms.items()]).sum(0)


def _resize_to_finest(maps: Sequence[Tensor]) -> list[Tensor]:
    """Resize maps ``[N, h, w]`` of several depths to the grid of the finest map."""
    # During tracing a shape is a tensor; int makes it a constant.
    size = (max(int(cells.shape[1]) for cells in maps), max(int(cells.shape[2]) for cells in maps))
    return [
        cells if cells.shape[1:] == size else F.interpolate(cells[:, None], size, mode="bilinear")[:, 0]
        for cells in maps
    ]


def export_graph(serving: ServingModel, path: Path, height: int, width: int) -> None:
    """Write the graph as OpenVINO's ``.xml`` and ``.bin``, with weights in 32 bits.

    The same weights give the same bytes."""
    example = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    model = trace_to_openvino(serving, example)
    for output, name in zip(model.outputs, OUTPUTS, strict=True):
        output.get_tensor().set_names({name})
    # OpenVINO numbers models and nodes by a process-wide counter, so fixed names are set.
    model.set_friendly_name("second-look")
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"node{number}" if node.get_type_name() != "Parameter" else "image")
    openvino.save_model(model, path, compress_to_fp16=False)


def check_agreement(
    serving: ServingModel, graph: openvino.CompiledModel, images: Sequence[NDArray[np.uint8]], calibrator: Calibrator
) -> ExportAgreement:
    """Compare the scores of the written graph, as compiled by ``compile_model``, with torch's.

    Raises ExportMismatch for differences above the tolerance and for NaN."""
    request = graph.create_infer_request()
    probability, error, novelty, embedding, took = 0.0, 0.0, 0.0, 0.0, list[float]()
    for image in images:
        with torch.inference_mode():
            expected = [output.numpy() for output in serving(torch.from_numpy(image)[None])]
        started = time.perf_counter()
        request.infer([image[None]])
        took.append(1000 * (time.perf_counter() - started))
        actual = [request.get_output_tensor(index).data for index in range(len(OUTPUTS))]
        shift = calibrator.probability(actual[0]) - calibrator.probability(expected[0])
        probability = max(probability, float(np.abs(shift).max()))
        error = max(error, _relative_difference(actual[1], expected[1]))
        levels = ((4, serving.novelty_threshold), (5, serving.labeled_novelty_threshold))
        novelty = max(novelty, *(_relative_difference(actual[at], expected[at], level) for at, level in levels))
        embedding = max(embedding, 1 - float((actual[6] * expected[6]).sum()))
    # Negated comparisons, so that NaN fails too.
    if not (probability <= PROBABILITY_TOLERANCE and max(error, novelty) <= ERROR_TOLERANCE):
        raise ExportMismatch(
            f"The exported graph differs from torch by {probability:.2g} in probability and {max(error, novelty):.2g} "
            f"in relative error; at most {PROBABILITY_TOLERANCE:g} and {ERROR_TOLERANCE:g} are allowed."
        )
    if not embedding <= DISTANCE_TOLERANCE:
        raise ExportMismatch(
            f"The exported graph differs from torch by a cosine distance of {embedding:.2g} between embeddings; "
            f"at most {DISTANCE_TOLERANCE:g} is allowed."
        )
    return ExportAgreement(len(images), probability, error, novelty, embedding, round(float(np.median(took)), 1))


def _relative_difference(actual: NDArray[np.float32], expected: NDArray[np.float32], floor: float = 1e-12) -> float:
    return float(np.abs(actual - expected).max() / max(float(np.abs(expected).max()), floor))
