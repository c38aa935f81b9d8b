"""Scoring of images with a version's exported graph; needs OpenVINO and numpy, never torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.serving import bundle, process_pages
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.heatmaps import FloatMap, Heatmaps
from mltasks.vision.serving.precisions import BF16, F32, FP32, Precision
from mltasks.vision.types import InputSize, Scores, Thresholds

if TYPE_CHECKING:
    import openvino

LOGIT, ERROR, EVIDENCE, ANOMALY, NOVELTY, LABELED_NOVELTY, EMBEDDING = range(7)
# Measured on a version with 70 MB of weights in 32 bits (157 MB at two images at a time) and on the same in 8 bits with
# 23 MB (131 MB, 87 MB at one image at a time), 448 × 256 pixels, after the mapped pages were given back.
_GRAPH_PER_WEIGHTS, _GRAPH_BYTES, _REQUEST_PER_PIXEL = 1.2, 25 << 20, 350

# OpenVINO prepares its numpy types at the first conversion in a process. Two threads that do so at once deadlock: one
# holds the guard of the types and waits for Python's GIL, the other holds the GIL and waits for the guard.
_conversion_lock = threading.Lock()

# Enters the slot in which one image is scored; the argument says how to wait for it, None for the usual way
AcquireSlot = Callable[[Any], AbstractContextManager[object]]


class ScoredImage(NamedTuple):
    """Results of one pass over an image.

    ``embedding`` is a float32 vector ``[256]`` of length 1 in the scorer's ``embedding_space``; None for versions made
    before embeddings existed.
    """

    scores: Scores
    maps: Heatmaps
    embedding: NDArray[np.float32] | None


class Scorer:
    """Loaded version that scores images; threads may share a scorer.

    Each thread uses an inference request of its own. ``memory_bytes`` is the estimated memory of the compiled graph and
    its inference requests.
    """

    memory_bytes = 0

    def __init__(
        self, model: openvino.CompiledModel, meta: dict[str, Any], sha256: str, acquire_slot: AcquireSlot = nullcontext
    ) -> None:
        self.meta = meta
        self.sha256 = sha256
        size = meta["input"]
        # Versions of format 1 squash the part, and their only detector is the autoencoder.
        self.input_size = InputSize(size["height"], size["width"], size.get("keep_shape", False))
        self._novelty: dict[str, Any] = meta.get("novelty", {})
        self.thresholds = Thresholds(**meta["thresholds"])
        self.calibrator = Calibrator.from_json(meta["calibration"])
        # Versions without a segmentation head turn cells into probabilities as they do with a part's logit.
        self.evidence_calibrator = Calibrator.from_json(meta.get("evidence") or meta["calibration"])
        # Name of the network and input size of the embeddings; empty if the version computes none
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
        precision: Precision = F32,
    ) -> Self:
        """Verify the directory's hash and compile its graph for the CPU.

        ``images`` are scored at a time, each on ``threads`` threads (0: OpenVINO's choice) and within a slot of
        ``acquire_slot``. ``precision`` is one of the version's ``allowed_precisions``. Raises BundleCorrupt if the
        directory is not as written or not the expected version.
        """
        sha256 = bundle.verify(bundle_dir, expected_sha256)
        path = bundle_dir / precision.graph
        graph = compile_precision(bundle_dir, precision, threads, images=images)
        scorer = cls(graph, bundle.read_meta(bundle_dir), sha256, acquire_slot)
        weights = path.with_suffix(".bin")
        process_pages.release_mapped_pages(weights)
        pixels = scorer.input_size.height * scorer.input_size.width
        graph_bytes = round(_GRAPH_PER_WEIGHTS * weights.stat().st_size) + _GRAPH_BYTES
        scorer.memory_bytes = graph_bytes + images * _REQUEST_PER_PIXEL * pixels
        return scorer

    def score(self, images: Sequence[NDArray[np.uint8]]) -> list[Scores]:
        """Score RGB images, each uint8 ``[height, width, 3]`` of ``input_size``.

        ``decode`` returns such images. Raises ValueError for any other shape or type.
        """
        return [self._scores(self._infer(image)) for image in images]

    def maps(self, image: NDArray[np.uint8]) -> Heatmaps:
        """Return the heatmaps of one image. Raises ValueError as ``score``."""
        return self._maps(self._infer(image))

    def predict(self, image: NDArray[np.uint8], slot_request: object = None) -> ScoredImage:
        """Compute scores, maps and embedding of one image in one pass.

        ``slot_request`` is passed to ``acquire_slot``. Raises ValueError as ``score``, and the errors of
        ``acquire_slot``.
        """
        outputs = self._infer(image, slot_request)
        return ScoredImage(
            self._scores(outputs), self._maps(outputs), outputs[EMBEDDING] if self.embedding_space else None
        )

    def _maps(self, outputs: list[FloatMap]) -> Heatmaps:
        evidence = self.evidence_calibrator.probability(outputs[EVIDENCE])
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
        """Return the novelty score over its threshold.

        A part that passes is compared with good parts, a part that fails with labeled defects too.
        """
        if not self._novelty:
            return error / self.thresholds.anomaly
        labeled_threshold = self._novelty.get("known_threshold")
        if labeled_threshold and probability >= self.thresholds.defect_probability:
            return float(outputs[LABELED_NOVELTY]) / float(labeled_threshold)
        return float(outputs[NOVELTY]) / float(self._novelty["threshold"])

    def _infer(self, image: NDArray[np.uint8], slot_request: object = None) -> list[FloatMap]:
        shape = (self.input_size.height, self.input_size.width, 3)
        if image.dtype != np.uint8 or image.shape != shape:
            raise ValueError(f"This version scores uint8 images {shape}, not {image.dtype} {image.shape}.")
        with self._acquire_slot(slot_request), self._request() as request:
            request.infer([np.ascontiguousarray(image)[None]])
            # Copies, because the next image overwrites the request's tensors
            return [request.get_output_tensor(index).data[0].copy() for index in range(len(self._model.outputs))]

    @contextmanager
    def _request(self) -> Iterator[Any]:
        """Lend an inference request that no other thread uses.

        Requests (tens of MB each) are created only when all are in use.
        """
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._model.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


def compile_precision(
    bundle_dir: Path, precision: Precision, threads: int = 0, *, images: int = 1
) -> openvino.CompiledModel:
    """Compile a version's graph of this precision; the other arguments are those of ``compile_model``."""
    half = precision.number_format == BF16
    return compile_model(bundle_dir / precision.graph, threads, half=half, images=images)


def compile_model(
    model: openvino.Model | Path, threads: int = 0, *, half: bool = False, images: int = 1
) -> openvino.CompiledModel:
    """Compile a graph for the CPU, tuned for latency: ``images`` at a time, each on ``threads`` threads.

    ``half`` selects bfloat16 instead of 32 bits.
    """
    import openvino  # late import: 0.5 s and 100 MB that only scoring processes need

    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        # Stated, because OpenVINO would choose bf16 on some processors and move the scores.
        "INFERENCE_PRECISION_HINT": BF16 if half else FP32,
        # With pinning, the threads of two web processes would share the first cores and leave the others idle.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        settings |= {"INFERENCE_NUM_THREADS": threads * images, "NUM_STREAMS": images}
    # Before any thread has a graph to infer with. Costs 0.5 ms once per process and no memory.
    with _conversion_lock:
        _ = openvino.Tensor(np.zeros(1, np.float32)).data
    return openvino.Core().compile_model(model, "CPU", settings)
