"""Score images with a version's exported graph. Needs OpenVINO and numpy, never torch: the web process runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mltasks.vision import bundle
from mltasks.vision.maps import FloatMap, Maps
from mltasks.vision.types import Scores, Thresholds

if TYPE_CHECKING:
    import openvino

LOGIT, ERROR, EVIDENCE, ANOMALY = range(4)
# bf16 would be OpenVINO's own choice on some processors and would move the scores away from the checked ones.
PRECISION = "f32"


class Scorer:
    """One version, ready to score. Safe to share between threads: each has its own inference request."""

    def __init__(self, model: openvino.CompiledModel, meta: dict[str, Any], sha256: str) -> None:
        self.meta = meta
        self.sha256 = sha256
        self.input_size: tuple[int, int] = (meta["input"]["height"], meta["input"]["width"])
        self.thresholds = Thresholds(**meta["thresholds"])
        self._slope = float(meta["calibration"]["slope"])
        self._intercept = float(meta["calibration"]["intercept"])
        self._anomaly_scale = float(meta["anomaly_map_scale"])
        self._model = model
        self._local = threading.local()

    @classmethod
    def load(cls, bundle_dir: Path, *, expected_sha256: str | None = None, threads: int = 0) -> Self:
        """Verify the directory's hash and compile its graph for the CPU (``threads`` 0: OpenVINO's choice).

        Raises BundleCorrupt when the directory is not as it was written or not the expected one.
        """
        sha256 = bundle.verify(bundle_dir, expected_sha256)
        return cls(compile_graph(bundle_dir / bundle.GRAPH, threads), bundle.read_meta(bundle_dir), sha256)

    def score(self, images: Sequence[NDArray[np.uint8]]) -> list[Scores]:
        """Score RGB images, each uint8 ``[height, width, 3]`` of ``input_size`` as ``images.decode`` returns them.
        Raises ValueError for any other shape or type."""
        return [self._scores(self._infer(image)) for image in images]

    def maps(self, image: NDArray[np.uint8]) -> Maps:
        """Where the scores of one image come from. Raises as ``score``."""
        outputs = self._infer(image)
        evidence = _sigmoid(self._slope * outputs[EVIDENCE] + self._intercept)
        anomaly = np.clip(outputs[ANOMALY] / (2 * self._anomaly_scale), 0, 1)
        return Maps(evidence.astype(np.float32), anomaly.astype(np.float32))

    def _scores(self, outputs: list[FloatMap]) -> Scores:
        error = float(outputs[ERROR])
        return Scores(
            defect_probability=float(_sigmoid(self._slope * outputs[LOGIT] + self._intercept)),
            reconstruction_error=error,
            anomaly_threshold=self.thresholds.anomaly,
            probability_threshold=self.thresholds.defect_probability,
            novel_defect_suspected=error > self.thresholds.anomaly,
        )

    def _infer(self, image: NDArray[np.uint8]) -> list[FloatMap]:
        if image.dtype != np.uint8 or image.shape != (*self.input_size, 3):
            raise ValueError(
                f"This version scores uint8 images {(*self.input_size, 3)}, not {image.dtype} {image.shape}."
            )
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        request = self._local.request
        request.infer([np.ascontiguousarray(image)[None]])
        # Copies: the request's own tensors change with its next image.
        return [request.get_output_tensor(index).data[0].copy() for index in (LOGIT, ERROR, EVIDENCE, ANOMALY)]


def compile_graph(path: Path, threads: int = 0) -> openvino.CompiledModel:
    """Compile a serving graph for the CPU in 32 bits, tuned for one image at a time."""
    import openvino  # late: half a second and 100 MB that a process which never scores does not pay

    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": PRECISION}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    return openvino.Core().compile_model(path, "CPU", settings)


def _sigmoid(logits: FloatMap) -> NDArray[np.float64]:
    # Clipped so that exp stays finite; beyond 60 the probability is 0 or 1 in any case.
    return 1.0 / (1.0 + np.exp(-np.clip(np.asarray(logits, np.float64), -60, 60)))
