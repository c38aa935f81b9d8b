"""One graph for serving: pixels in, both networks' scores and maps out, the same numbers as torch or no version."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mltasks.vision.autoencoder import Autoencoder, pool_factor, shrink
from mltasks.vision.calibration import Calibrator
from mltasks.vision.classifier import Classifier
from mltasks.vision.scorer import compile_graph

OUTPUTS = ("defect_logit", "reconstruction_error", "evidence_map", "anomaly_map")
PROBABILITY_TOLERANCE = 1e-3
ERROR_TOLERANCE = 1e-2
PIXELS = 255.0


class ExportMismatch(RuntimeError):  # noqa: N818 - names what was found
    """The exported graph scores otherwise than torch: no version is made."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest differences between the exported graph and torch over so many images, and what is tolerated:
    of the calibrated probability in absolute terms, of the reconstruction error relative to torch's."""

    images: int
    probability: float
    reconstruction_error: float
    probability_tolerance: float = PROBABILITY_TOLERANCE
    reconstruction_error_tolerance: float = ERROR_TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


class Serving(nn.Module):
    """Both networks behind one input: uint8 RGB ``[1, H, W, 3]`` to logit ``[1]``, reconstruction error ``[1]``,
    evidence ``[1, H/32, W/32]`` and local errors ``[1, h, w]``."""

    def __init__(self, classifier: Classifier, autoencoder: Autoencoder, height: int, width: int) -> None:
        super().__init__()
        self.classifier = classifier
        self.autoencoder = autoencoder
        self.factor = pool_factor(height, width)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rgb = image.permute(0, 3, 1, 2).to(torch.float32) / PIXELS
        logit, evidence = self.classifier(rgb)
        error, cells = self.autoencoder.errors(shrink(rgb, self.factor))
        return logit, error, evidence, cells


def export_graph(serving: Serving, path: Path, height: int, width: int) -> None:
    """Write the graph as OpenVINO's ``.xml`` and ``.bin``, weights in 32 bits; the same weights give the same bytes."""
    example = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        # OpenVINO traces too, at twice the time; torch.export is what torch would rather see, at four times.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(serving.cpu().eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
    model = openvino.convert_model(traced, example_input=example)
    model.reshape([1, height, width, 3])
    for output, name in zip(model.outputs, OUTPUTS, strict=True):
        output.get_tensor().set_names({name})
    # OpenVINO numbers models and nodes by a counter of the process.
    model.set_friendly_name("second-look")
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"node{number}" if node.get_type_name() != "Parameter" else "image")
    openvino.save_model(model, path, compress_to_fp16=False)


def check_agreement(
    serving: Serving, path: Path, images: Sequence[NDArray[np.uint8]], calibrator: Calibrator
) -> Agreement:
    """Score images with the written graph and with torch. Raises ExportMismatch above the tolerance, and for anything
    that is not a number."""
    request = compile_graph(path, torch.get_num_threads()).create_infer_request()
    probability, error = 0.0, 0.0
    for image in images:
        with torch.inference_mode():
            wanted = [output.numpy() for output in serving(torch.from_numpy(image)[None])]
        request.infer([image[None]])
        found = [request.get_output_tensor(index).data for index in range(len(OUTPUTS))]
        shift = calibrator.probability(found[0]) - calibrator.probability(wanted[0])
        probability = max(probability, float(np.abs(shift).max()))
        error = max(error, float(np.abs(found[1] - wanted[1]).max() / max(float(wanted[1].max()), 1e-12)))
    # Written so that NaN fails too.
    if not (probability <= PROBABILITY_TOLERANCE and error <= ERROR_TOLERANCE):
        raise ExportMismatch(
            f"The exported graph differs from torch by {probability:.2g} in probability and {error:.2g} in relative "
            f"reconstruction error; {PROBABILITY_TOLERANCE:g} and {ERROR_TOLERANCE:g} are tolerated."
        )
    return Agreement(len(images), probability, error)
