"""One graph for serving: pixels in, both networks' scores and maps out, the same numbers as torch or no version."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.calibration.detector_ensemble import LOWEST, SMALLEST, TOGETHER
from mltasks.vision.calibration.operating_point import KNOWN, PIXELS, Setting
from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.pixel_autoencoder import Autoencoder, pool_factor, shrink
from mltasks.vision.networks.embedder import embedder_of
from mltasks.vision.networks.tracing import traced
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.serving.calibrator import Calibrator

OUTPUTS = ("defect_logit", "reconstruction_error", "evidence_map", "anomaly_map", "novelty", "known", "embedding")
PROBABILITY_TOLERANCE = 1e-3
ERROR_TOLERANCE = 1e-2
DISTANCE_TOLERANCE = 1e-3
WHITE = 255.0


class ExportMismatch(RuntimeError):  # noqa: N818 - names what was found
    """The exported graph scores otherwise than torch: no version is made."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest differences between the exported graph and torch over so many images, and what is tolerated:
    of the calibrated probability in absolute terms, of the reconstruction error relative to torch's, and of novelty
    relative to torch's or to its threshold, whichever is more: a part that the memory holds has a distance of 0.
    ``embedding`` is the cosine distance between both points of a part, ``milliseconds`` what the graph took for an
    image, the median, on the training's threads."""

    images: int
    probability: float
    reconstruction_error: float
    novelty: float
    embedding: float
    milliseconds: float
    probability_tolerance: float = PROBABILITY_TOLERANCE
    reconstruction_error_tolerance: float = ERROR_TOLERANCE
    embedding_tolerance: float = DISTANCE_TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


class Serving(nn.Module):
    """Everything behind one input and one pass of the trunk: uint8 RGB ``[1, H, W, 3]`` to the weighed logit ``[1]``,
    the pixels' reconstruction error ``[1]``, the logit that each cell alone would give ``[1, h, w]``, the deciding
    detector's map ``[1, h', w']``, its score ``[1]``, that of the memory of good parts and defects ``[1]``, and the
    part as a point of length 1, ``[1, 256]``."""

    def __init__(
        self,
        trunk: Trunk,
        heads: Mapping[str, Head],
        autoencoder: Autoencoder,
        setting: Setting,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.embedder = embedder_of(trunk)
        self.heads = nn.ModuleDict(heads)
        self.autoencoder = autoencoder
        self.factor = pool_factor(*size)
        self.weights = setting.fusion.weights
        self.bias = setting.fusion.bias
        self.detector = setting.detector
        self.together = setting.together
        self.map_scales, self.shown = setting.map_scales, setting.shown
        self.novel_from = setting.thresholds[setting.detector]
        self.known_from = setting.known_threshold or self.novel_from

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        rgb = image.permute(0, 3, 1, 2).to(torch.float32) / WHITE
        seen = self.trunk(rgb)
        error, local = self.autoencoder.errors(shrink(rgb, self.factor))
        found: dict[str, tuple[Tensor, Tensor]] = {name: head(seen) for name, head in self.heads.items()}
        voices = [found[name] for name in self.weights]
        logit = self._weighed([logits for logits, _ in voices])
        evidence = self._weighed(_on_one_grid([cells for _, cells in voices]))
        score, cells = self._novelty({**found, PIXELS: (error, local)})
        known = found[KNOWN][0] if KNOWN in found else score
        return logit, error, evidence, cells, score, known, self.embedder(seen)

    def _novelty(self, found: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """The deciding detector's score, ``Together.of`` in tensors where all decide; and the map that is shown."""
        maps = torch.stack(_on_one_grid([found[name][1] / self.map_scales[name] for name in self.shown])).mean(0)
        if self.together is None or self.detector != TOGETHER:
            return found[self.detector][0], maps
        standard = [
            ((found[name][0].clamp_min(SMALLEST).log() - level.mean) / level.deviation).clamp_min(LOWEST)
            for name, level in self.together.levels.items()
        ]
        return F.softplus(torch.stack(standard).mean(0)), maps

    def _weighed(self, terms: Sequence[Tensor]) -> Tensor:
        weights = self.weights.values()
        return torch.stack([weight * term for weight, term in zip(weights, terms, strict=True)]).sum(0) + self.bias


def _on_one_grid(maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps ``[N, h, w]`` of several depths, all on the finest one's grid."""
    # While tracing, a shape is a tensor until it is made a number.
    height, width = (max(int(one.shape[axis]) for one in maps) for axis in (1, 2))
    return [
        one if one.shape[1:] == (height, width) else F.interpolate(one[:, None], (height, width), mode="bilinear")[:, 0]
        for one in maps
    ]


def export_graph(serving: Serving, path: Path, height: int, width: int) -> None:
    """Write the graph as OpenVINO's ``.xml`` and ``.bin``, weights in 32 bits; the same weights give the same bytes."""
    example = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    model = traced(serving, example)
    for output, name in zip(model.outputs, OUTPUTS, strict=True):
        output.get_tensor().set_names({name})
    # OpenVINO numbers models and nodes by a counter of the process.
    model.set_friendly_name("second-look")
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"node{number}" if node.get_type_name() != "Parameter" else "image")
    openvino.save_model(model, path, compress_to_fp16=False)


def check_agreement(
    serving: Serving, graph: openvino.CompiledModel, images: Sequence[NDArray[np.uint8]], calibrator: Calibrator
) -> Agreement:
    """Score images with the written graph, as ``compile_graph`` gives it, and with torch. Raises ExportMismatch above
    the tolerance, and for anything that is not a number."""
    request = graph.create_infer_request()
    probability, error, novelty, embedding, took = 0.0, 0.0, 0.0, 0.0, list[float]()
    for image in images:
        with torch.inference_mode():
            wanted = [output.numpy() for output in serving(torch.from_numpy(image)[None])]
        started = time.perf_counter()
        request.infer([image[None]])
        took.append(1000 * (time.perf_counter() - started))
        found = [request.get_output_tensor(index).data for index in range(len(OUTPUTS))]
        shift = calibrator.probability(found[0]) - calibrator.probability(wanted[0])
        probability = max(probability, float(np.abs(shift).max()))
        error = max(error, _relative(found[1], wanted[1]))
        levels = ((4, serving.novel_from), (5, serving.known_from))
        novelty = max(novelty, *(_relative(found[at], wanted[at], level) for at, level in levels))
        embedding = max(embedding, 1 - float((found[6] * wanted[6]).sum()))
    # Written so that NaN fails too.
    if not (probability <= PROBABILITY_TOLERANCE and max(error, novelty) <= ERROR_TOLERANCE):
        raise ExportMismatch(
            f"The exported graph differs from torch by {probability:.2g} in probability and {max(error, novelty):.2g} "
            f"in relative error; {PROBABILITY_TOLERANCE:g} and {ERROR_TOLERANCE:g} are tolerated."
        )
    if not embedding <= DISTANCE_TOLERANCE:
        raise ExportMismatch(
            f"The exported graph differs from torch by a cosine distance of {embedding:.2g} in where it sees a part; "
            f"{DISTANCE_TOLERANCE:g} is tolerated."
        )
    return Agreement(len(images), probability, error, novelty, embedding, round(float(np.median(took)), 1))


def _relative(found: NDArray[np.float32], wanted: NDArray[np.float32], least: float = 1e-12) -> float:
    return float(np.abs(found - wanted).max() / max(float(np.abs(wanted).max()), least))
