"""Score images with a version's exported graph. Needs OpenVINO and numpy, never torch: the web process runs it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.serving import bundle
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.heatmaps import FloatMap, Heatmaps
from mltasks.vision.types import InputSize, Scores, Thresholds

if TYPE_CHECKING:
    import openvino

LOGIT, ERROR, EVIDENCE, ANOMALY, NOVELTY, LABELED_NOVELTY, EMBEDDING = range(7)
# bf16 would be OpenVINO's own choice on some processors and would move the scores away from the checked ones.
FP32, BF16 = "f32", "bf16"

# Measured on four versions of 46 to 70 MB of weights: a compiled graph keeps 2.3 to 2.8 times their size, an inference
# request 130 to 200 bytes for each pixel of the input.
_GRAPH_PER_WEIGHTS, _REQUEST_PER_PIXEL = 2.8, 256

# OpenVINO prepares its numpy types at the first conversion in a process. Two threads that do it at once hang for ever:
# one holds the guard of the types and waits for Python's GIL, the other holds the GIL and waits for the guard.
_conversion_lock = threading.Lock()

# What an image waits for before it is scored
AcquireSlot = Callable[[], AbstractContextManager[object]]


class ScoredImage(NamedTuple):
    """What one pass tells of an image. ``embedding`` is a point of length 1, float32 ``[256]``, in the scorer's
    ``embedding_space``; None of versions that were made before points were."""

    scores: Scores
    maps: Heatmaps
    embedding: NDArray[np.float32] | None


class Scorer:
    """One version, ready to score. Safe to share between threads: no two have an inference request at once.

    ``memory_bytes`` is the estimated memory of its compiled graph and its inference requests.
    """

    memory_bytes = 0

    def __init__(
        self, model: openvino.CompiledModel, meta: dict[str, Any], sha256: str, acquire_slot: AcquireSlot = nullcontext
    ) -> None:
        self.meta = meta
        self.sha256 = sha256
        size = meta["input"]
        # Versions of format 1 squashed the part, and their one detector was the autoencoder.
        self.input_size = InputSize(size["height"], size["width"], size.get("keep_shape", False))
        self._novelty: dict[str, Any] = meta.get("novelty", {})
        self.thresholds = Thresholds(**meta["thresholds"])
        self.calibrator = Calibrator.from_json(meta["calibration"])
        # Which network draws the points, at which size; empty where none does.
        self.embedding_space: str = meta.get("embedding", {}).get("space", "")
        self._anomaly_scale = float(meta["anomaly_map_scale"])
        self._model = model
        self._acquire_slot = acquire_slot
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @classmethod
    def load(
        cls,
        bundle_dir: Path,
        *,
        expected_sha256: str | None = None,
        threads: int = 0,
        images: int = 1,
        acquire_slot: AcquireSlot = nullcontext,
    ) -> Self:
        """Verify the directory's hash and compile its graph for the CPU: for so many ``images`` at a time, each on so
        many ``threads`` (0: OpenVINO's choice). Each image is scored within a ``turn``.

        Raises BundleCorrupt when the directory is not as it was written or not the expected one.
        """
        sha256 = bundle.verify(bundle_dir, expected_sha256)
        graph = compile_graph(bundle_dir / bundle.GRAPH, threads, images)
        scorer = cls(graph, bundle.read_meta(bundle_dir), sha256, acquire_slot)
        weights = (bundle_dir / bundle.GRAPH).with_suffix(".bin").stat().st_size
        pixels = scorer.input_size.height * scorer.input_size.width
        scorer.memory_bytes = round(_GRAPH_PER_WEIGHTS * weights) + images * _REQUEST_PER_PIXEL * pixels
        return scorer

    def score(self, images: Sequence[NDArray[np.uint8]]) -> list[Scores]:
        """Score RGB images, each uint8 ``[height, width, 3]`` of ``input_size`` as ``images.decode`` returns them.
        Raises ValueError for any other shape or type."""
        return [self._scores(self._infer(image)) for image in images]

    def maps(self, image: NDArray[np.uint8]) -> Heatmaps:
        """Where the scores of one image come from. Raises as ``score``."""
        return self._maps(self._infer(image))

    def predict(self, image: NDArray[np.uint8]) -> ScoredImage:
        """Scores, maps and embedding of one image from one pass. Raises as ``score``."""
        outputs = self._infer(image)
        return ScoredImage(
            self._scores(outputs), self._maps(outputs), outputs[EMBEDDING] if self.embedding_space else None
        )

    def _maps(self, outputs: list[FloatMap]) -> Heatmaps:
        evidence = self.calibrator.probability(outputs[EVIDENCE])
        anomaly = np.clip(outputs[ANOMALY] / (2 * self._anomaly_scale), 0, 1)
        return Heatmaps(evidence.astype(np.float32), anomaly.astype(np.float32))

    def _scores(self, outputs: list[FloatMap]) -> Scores:
        error = float(outputs[ERROR])
        probability = float(self.calibrator.probability(outputs[LOGIT]))
        novelty = self._novelty_ratio(outputs, error, probability)
        return Scores(
            defect_probability=probability,
            reconstruction_error=error,
            anomaly_threshold=self.thresholds.anomaly,
            probability_threshold=self.thresholds.defect_probability,
            novel_defect_suspected=novelty > 1,
            novelty=novelty,
        )

    def _novelty_ratio(self, outputs: list[FloatMap], error: float, probability: float) -> float:
        """How unlike anything labeled: a part that passes is held against good parts, one that fails against labeled
        defects too."""
        if not self._novelty:
            return error / self.thresholds.anomaly
        known_threshold = self._novelty.get("known_threshold")
        if known_threshold and probability >= self.thresholds.defect_probability:
            return float(outputs[LABELED_NOVELTY]) / float(known_threshold)
        return float(outputs[NOVELTY]) / float(self._novelty["threshold"])

    def _infer(self, image: NDArray[np.uint8]) -> list[FloatMap]:
        wanted = (self.input_size.height, self.input_size.width, 3)
        if image.dtype != np.uint8 or image.shape != wanted:
            raise ValueError(f"This version scores uint8 images {wanted}, not {image.dtype} {image.shape}.")
        with self._acquire_slot(), self._request() as request:
            request.infer([np.ascontiguousarray(image)[None]])
            # Copies: the request's own tensors change with its next image.
            return [request.get_output_tensor(index).data[0].copy() for index in range(len(self._model.outputs))]

    @contextmanager
    def _request(self) -> Iterator[Any]:
        """One that no other thread uses: there are never more than were needed at once, each some tens of MB."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._model.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


def compile_graph(path: Path, threads: int = 0, images: int = 1) -> openvino.CompiledModel:
    """Compile a serving graph for the CPU in 32 bits, tuned for one image at a time."""
    return compile_model(path, threads, images=images)


def compile_model(
    model: openvino.Model | Path, threads: int = 0, *, half: bool = False, images: int = 1
) -> openvino.CompiledModel:
    """Compile a graph for so many ``images`` at a time, each on so many ``threads``; ``half`` for bfloat16 instead of
    32 bits."""
    import openvino  # late: half a second and 100 MB that a process which never scores does not pay

    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": BF16 if half else FP32,
        # Bound to cores, the threads of two web processes would share the first ones and leave the others idle.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        settings |= {"INFERENCE_NUM_THREADS": threads * images, "NUM_STREAMS": images}
    # Before any thread has a graph to infer with. Costs half a millisecond once in a process, and no memory.
    with _conversion_lock:
        _convert_tensor()
    return openvino.Core().compile_model(model, "CPU", settings)


def _convert_tensor() -> NDArray[np.float32]:
    """Convert one number to OpenVINO's tensor and back, as each inference does with its image and its outputs."""
    import openvino  # late, as above

    converted: NDArray[np.float32] = openvino.Tensor(np.zeros(1, np.float32)).data
    return converted
