"""Check of a version's precisions: which of them score held-out parts as 32 bits do, and how fast they are.

All precisions score the same held-out parts in turns. A precision's shift of the logit is added to a part's held-out
logit. The compared average precision is thus that of parts the predicting models were not trained on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray

from mltasks.vision.export.quantization import find_components, quantize
from mltasks.vision.serving import bundle
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.precisions import BF16, F32, PRECISIONS, Precision, fastest
from mltasks.vision.serving.processor import has_bfloat16, has_fast_int8, processor_id
from mltasks.vision.serving.scorer import EMBEDDING, ERROR, LABELED_NOVELTY, LOGIT, NOVELTY, compile_model
from mltasks.vision.stats.metrics import average_precision

CALIBRATION_IMAGES, TEST_IMAGES = 64, 64
# Limits: average precision in [0, 1], calibrated probability, novelty relative to its threshold, cosine distance
MAX_PRECISION_LOSS, MAX_PROBABILITY_SHIFT, MAX_NOVELTY_SHIFT, MAX_EMBEDDING_DISTANCE = 0.005, 0.05, 0.05, 0.01

Pixels = NDArray[np.uint8]
Outputs = dict[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class HeldOutPart:
    """Part for the comparison: pixels at the network's size, held-out logit and target."""

    pixels: Pixels
    logit: float
    target: int


class ScoreScales(NamedTuple):
    """Calibration of the logit, and thresholds of the novelty and of the score of the memory of good parts and defects.

    Shifts of the scores are measured by them."""

    calibrator: Calibrator
    novelty: float
    labeled_novelty: float


@dataclass(frozen=True, slots=True)
class PrecisionCheck:
    """One precision compared with 32 bits on the same parts; ``why`` says why it is not allowed.

    ``probability``, ``novelty`` (relative to its threshold) and ``embedding`` (cosine distance) are the largest shifts.
    ``milliseconds`` is the median on one thread."""

    allowed: bool
    why: str
    average_precision: float
    probability: float
    novelty: float
    embedding: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class PrecisionReport:
    """Checks by the precision's name, on ``images`` parts, and the processor of their times.

    ``parts`` are the components in 8 bits, and ``refused`` says by their names why others are not. ``needs_int8`` says
    that 8 bits need a processor with instructions for such products. Without checks the version is served in 32 bits,
    and ``why`` says why."""

    why: str = ""
    processor: str = ""
    images: int = 0
    parts: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    needs_int8: bool = False
    checks: Mapping[str, PrecisionCheck] = field(default_factory=dict)

    @property
    def fastest(self) -> Precision:
        """Return the precision in which such a processor serves the version."""
        took = {name: check.milliseconds for name, check in self.checks.items() if check.allowed}
        return fastest(took) if took else F32

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {**asdict(self), "parts": list(self.parts)}


def check_precisions(
    graph: Path, images: Sequence[Pixels], parts: Sequence[HeldOutPart], scales: ScoreScales
) -> PrecisionReport:
    """Check the written graph in bfloat16 and in 8 bits, and write the graph in 8 bits beside it if one is allowed.

    The ranges of 8 bits come from ``images``. All of the graph's components are tried first, then each alone.
    bfloat16 is checked where this processor has it. Speed is measured on this machine, scores on ``parts``."""
    wide: dict[str, Path] = dict.fromkeys(("f32", "bf16"), graph)
    refused: dict[str, str] = {}
    first: dict[str, PrecisionCheck] = {}
    present = find_components(graph)
    # Without repeats: all components may be one, or none.
    for components in filter(None, dict.fromkeys([present, *((component,) for component in present)])):
        quantized = quantize(graph, images, components, all_bits=has_fast_int8())
        checks = _compare({**wide, "int8": quantized, "int8_bf16": quantized}, parts, scales)
        if any(checks[name].allowed for name in checks.keys() - wide.keys()):
            openvino.save_model(quantized, graph.with_name(bundle.GRAPH_8_BITS), compress_to_fp16=False)
            return _report(parts, checks, components, refused)
        refused[" and ".join(components)] = checks["int8"].why
        first = first or checks
    return _report(parts, first or _compare(wide, parts, scales), (), refused)


def _report(
    parts: Sequence[HeldOutPart],
    checks: Mapping[str, PrecisionCheck],
    components: Sequence[str],
    refused: Mapping[str, str],
) -> PrecisionReport:
    return PrecisionReport("", processor_id(), len(parts), tuple(components), refused, has_fast_int8(), checks)


def _compare(
    graphs: Mapping[str, openvino.Model | Path], parts: Sequence[HeldOutPart], scales: ScoreScales
) -> dict[str, PrecisionCheck]:
    """Compare the precisions that this processor can compute; 32 bits come first and are always allowed."""
    models = {
        name: compile_model(graph, 1, half=PRECISIONS[name].number_format == BF16)
        for name, graph in graphs.items()
        if PRECISIONS[name].number_format != BF16 or has_bfloat16()
    }
    outputs, milliseconds = _score_alternating(models, [part.pixels for part in parts])
    return {
        name: _check(outputs[F32.name], outputs[name], parts, scales, round(milliseconds[name], 1)) for name in models
    }


def _check(
    f32: Outputs, other: Outputs, parts: Sequence[HeldOutPart], scales: ScoreScales, milliseconds: float
) -> PrecisionCheck:
    shift = other[LOGIT] - f32[LOGIT]
    logits = np.array([part.logit for part in parts])
    targets = np.array([part.target for part in parts], np.int64)
    before, after = (
        float(average_precision(scores, targets, np.ones((1, len(parts))))[0]) for scores in (logits, logits + shift)
    )
    novelty_shift = max(
        float((np.abs(other[at] - f32[at]) / np.maximum(f32[at], level)).max())
        for at, level in (
            (NOVELTY, scales.novelty),
            (LABELED_NOVELTY, scales.labeled_novelty),
            (ERROR, float(f32[ERROR].max())),
        )
    )
    probabilities = [scales.calibrator.probability(values) for values in (logits, logits + shift)]
    probability_shift = float(np.abs(probabilities[1] - probabilities[0]).max())
    embedding_distance = float((1 - (other[EMBEDDING] * f32[EMBEDDING]).sum(-1)).max())
    # Of 32 bits this is the rounding of a vector's length.
    # NumPy's maximum keeps NaN.
    probability, novelty, embedding = probability_shift, novelty_shift, float(np.maximum(embedding_distance, 0))
    why = _rejection_reason(before - after, probability, novelty, embedding)
    return PrecisionCheck(
        not why, why, round(after, 6), round(probability, 6), round(novelty, 6), round(embedding, 6), milliseconds
    )


def _rejection_reason(
    precision_loss: float, probability_shift: float, novelty_shift: float, embedding_distance: float
) -> str:
    """Return why a precision is not allowed, or an empty string; NaN is never allowed."""
    if not precision_loss <= MAX_PRECISION_LOSS:
        return (
            f"It loses {100 * precision_loss:.2f} points of average precision; "
            f"at most {100 * MAX_PRECISION_LOSS:g} are allowed."
        )
    if not (
        probability_shift <= MAX_PROBABILITY_SHIFT
        and novelty_shift <= MAX_NOVELTY_SHIFT
        and embedding_distance <= MAX_EMBEDDING_DISTANCE
    ):
        return (
            f"It changes probabilities by {probability_shift:.3f}, novelty by {novelty_shift:.3f} of its threshold "
            f"and embeddings by {embedding_distance:.4f}; at most {MAX_PROBABILITY_SHIFT:g}, {MAX_NOVELTY_SHIFT:g} and "
            f"{MAX_EMBEDDING_DISTANCE:g} are allowed."
        )
    return ""


def _score_alternating(
    models: Mapping[str, openvino.CompiledModel], images: Sequence[Pixels]
) -> tuple[dict[str, Outputs], dict[str, float]]:
    """Return each model's outputs by output number, one image per row, and its median milliseconds."""
    requests = {name: model.create_infer_request() for name, model in models.items()}
    outputs: dict[str, dict[int, list[NDArray[np.float64]]]] = {name: {} for name in models}
    took: dict[str, list[float]] = {name: [] for name in models}
    for image in images:
        for name, request in requests.items():
            started = time.perf_counter()
            request.infer([image[None]])
            took[name].append(1000 * (time.perf_counter() - started))
            for at in (LOGIT, ERROR, NOVELTY, LABELED_NOVELTY, EMBEDDING):
                values = np.array(request.get_output_tensor(at).data, np.float64)
                outputs[name].setdefault(at, []).append(values.squeeze())
    stacked = {name: {at: np.stack(rows) for at, rows in found.items()} for name, found in outputs.items()}
    return stacked, {name: float(np.median(times)) for name, times in took.items()}
