"""Choice of a version's precision: 8 bits if faster on this machine and as good, else 32.

Both graphs score the same held-out parts alternately. The logit shift of 8 bits is added to a part's held-out logit.
The compared average precision is thus that of parts the predicting models were not trained on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from mltasks.vision.export.quantization import AUX_BACKBONE, BACKBONE, QUANTIZABLE, quantize
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.scorer import EMBEDDING, ERROR, LABELED_NOVELTY, LOGIT, NOVELTY, compile_model
from mltasks.vision.stats.metrics import average_precision

CALIBRATION_IMAGES, TEST_IMAGES = 32, 64
# Limits: average precision in [0, 1], calibrated probability, novelty relative to its threshold, cosine distance
MAX_PRECISION_LOSS, MAX_PROBABILITY_SHIFT, MAX_NOVELTY_SHIFT, MAX_EMBEDDING_DISTANCE = 0.005, 0.05, 0.05, 0.01
# Smaller time savings do not justify different scores.
MAX_TIME_RATIO = 0.9

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class HeldOutPart:
    """Part for the comparison: pixels at the network's size, held-out logit and target."""

    pixels: Pixels
    logit: float
    target: int


@dataclass(frozen=True, slots=True)
class NoveltyThresholds:
    """Thresholds of the novelty and of the score of the memory of good parts and defects."""

    novelty: float
    labeled_novelty: float


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """Precision of a version, the reason, and the comparison on ``images`` parts.

    ``bits`` is 8 (for the components ``parts``) or 32. ``average_precision`` is that of 8 bits,
    ``average_precision_wide`` that of 32 bits. ``probability``, ``novelty`` (relative to its threshold) and
    ``embedding`` (cosine distance) are the largest shifts. ``milliseconds`` and ``milliseconds_wide`` are medians on
    one thread. All figures are 0 if nothing was tried."""

    bits: int
    why: str
    parts: tuple[str, ...] = ()
    images: int = 0
    average_precision: float = 0.0
    average_precision_wide: float = 0.0
    probability: float = 0.0
    novelty: float = 0.0
    embedding: float = 0.0
    milliseconds: float = 0.0
    milliseconds_wide: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {**asdict(self), "parts": list(self.parts)}


def choose_precision(
    graph: Path,
    images: Sequence[Pixels],
    parts: Sequence[HeldOutPart],
    thresholds: NoveltyThresholds,
    calibrator: Calibrator,
) -> PrecisionChoice:
    """Try the written graph in 8 bits, and replace it if 8 bits are faster and as good.

    The ranges come from ``images``. All quantizable components are tried first, then each backbone
    alone. Speed is measured on this machine, scores on ``parts``. If no trial succeeds, the graph stays as it is."""
    choice = PrecisionChoice(32, "The graph has no convolutions to quantize.")
    for kinds in (QUANTIZABLE, (BACKBONE,), (AUX_BACKBONE,)):
        quantized = quantize(graph, images, kinds)
        if quantized is None:
            continue
        choice = _compare_graphs(graph, quantized, parts, thresholds, calibrator)
        if choice.bits == 8:
            _replace_graph(graph, quantized)
            return replace(choice, parts=kinds)
    return choice


def _replace_graph(graph: Path, model: openvino.Model) -> None:
    # Written to a new file, because the loaded model still reads its weights from the old file.
    new = graph.with_name("narrow.xml")
    openvino.save_model(model, new, compress_to_fp16=False)
    new.with_suffix(".bin").replace(graph.with_suffix(".bin"))
    new.replace(graph)


def _compare_graphs(
    graph: Path,
    quantized: openvino.Model,
    parts: Sequence[HeldOutPart],
    thresholds: NoveltyThresholds,
    calibrator: Calibrator,
) -> PrecisionChoice:
    f32, int8, times = _score_alternating(graph, quantized, [part.pixels for part in parts])
    shift = int8[LOGIT] - f32[LOGIT]
    logits = np.array([part.logit for part in parts])
    targets = np.array([part.target for part in parts], np.int64)
    before, after = (
        float(average_precision(scores, targets, np.ones((1, len(parts))))[0]) for scores in (logits, logits + shift)
    )
    novelty_shift = max(
        float((np.abs(int8[at] - f32[at]) / np.maximum(f32[at], level)).max())
        for at, level in (
            (NOVELTY, thresholds.novelty),
            (LABELED_NOVELTY, thresholds.labeled_novelty),
            (ERROR, float(f32[ERROR].max())),
        )
    )
    probability_shift = float(np.abs(calibrator.probability(logits + shift) - calibrator.probability(logits)).max())
    embedding_distance = float((1 - (int8[EMBEDDING] * f32[EMBEDDING]).sum(-1)).max())
    f32_ms, int8_ms = np.median(times, axis=0)
    shifts = (probability_shift, novelty_shift, embedding_distance)
    why = _rejection_reason(before - after, *shifts, int8_ms / f32_ms)
    return PrecisionChoice(
        32 if why else 8,
        why or "Faster on this machine and as accurate.",
        (),
        len(parts),
        *(round(value, 6) for value in (after, before, *shifts)),
        *(round(float(value), 1) for value in (int8_ms, f32_ms)),
    )


def _rejection_reason(
    precision_loss: float, probability_shift: float, novelty_shift: float, embedding_distance: float, time_ratio: float
) -> str:
    """Return why 8 bits are rejected, or an empty string; NaN is always rejected."""
    if not precision_loss <= MAX_PRECISION_LOSS:
        return (
            f"8 bits lose {100 * precision_loss:.2f} points of average precision; "
            f"at most {100 * MAX_PRECISION_LOSS:g} are allowed."
        )
    if not (
        probability_shift <= MAX_PROBABILITY_SHIFT
        and novelty_shift <= MAX_NOVELTY_SHIFT
        and embedding_distance <= MAX_EMBEDDING_DISTANCE
    ):
        return (
            f"8 bits change probabilities by {probability_shift:.3f}, novelty by {novelty_shift:.3f} of its threshold "
            f"and embeddings by {embedding_distance:.4f}; at most {MAX_PROBABILITY_SHIFT:g}, {MAX_NOVELTY_SHIFT:g} and "
            f"{MAX_EMBEDDING_DISTANCE:g} are allowed."
        )
    if not time_ratio <= MAX_TIME_RATIO:
        share, limit = 100 * time_ratio, 100 * MAX_TIME_RATIO
        return f"8 bits take {share:.0f} % of the time on this machine; at most {limit:.0f} % is allowed."
    return ""


def _score_alternating(
    graph: Path, quantized: openvino.Model, images: Sequence[Pixels]
) -> tuple[dict[int, NDArray[np.float64]], dict[int, NDArray[np.float64]], NDArray[np.float64]]:
    """Return each graph's outputs by output number, and the times in ms ``[images, 2]``.

    Outputs have one image per row."""
    requests = [compile_model(model, 1).create_infer_request() for model in (graph, quantized)]
    outputs: list[dict[int, list[NDArray[np.float64]]]] = [{}, {}]
    times = np.zeros((len(images), 2))
    for row, image in enumerate(images):
        for column, request in enumerate(requests):
            started = time.perf_counter()
            request.infer([image[None]])
            times[row, column] = 1000 * (time.perf_counter() - started)
            for at in (LOGIT, ERROR, NOVELTY, LABELED_NOVELTY, EMBEDDING):
                values = np.array(request.get_output_tensor(at).data, np.float64)
                outputs[column].setdefault(at, []).append(values.squeeze())
    f32, int8 = ({at: np.stack(rows) for at, rows in results.items()} for results in outputs)
    return f32, int8, times
