"""Precisions in which a version can be served, and the choice of the fastest for a processor.

A version's directory has its graph in 32 bits and, where held-out parts keep their scores, one with convolutions in
8 bits. Either can be computed in bfloat16 where the processor has it. ``meta.json`` has the precisions that training
checked, with their times on the processor that trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mltasks.vision.serving import bundle
from mltasks.vision.serving.processor import has_fast_int8, processor_id

FP32, BF16 = "f32", "bf16"
# A precision that saves less time does not justify other scores.
MAX_TIME_RATIO = 0.9


@dataclass(frozen=True, slots=True)
class Precision:
    """Precision of a version: its graph's file, and the number format of all operations that are not in 8 bits."""

    name: str
    graph: str
    number_format: str


F32 = Precision("f32", bundle.GRAPH, FP32)
PRECISIONS = {
    precision.name: precision
    for precision in (
        F32,
        Precision("bf16", bundle.GRAPH, BF16),
        Precision("int8", bundle.GRAPH_8_BITS, FP32),
        Precision("int8_bf16", bundle.GRAPH_8_BITS, BF16),
    )
}


def allowed_precisions(meta: Mapping[str, Any]) -> list[Precision]:
    """Return the precisions that keep a version's scores on this processor, 32 bits first.

    Versions of earlier programs have one graph; its file has 8-bit convolutions if they were chosen."""
    checks = _checks(meta)
    with_8_bits = has_fast_int8() or not meta.get("precision", {}).get("needs_int8")
    graphs = {bundle.GRAPH, bundle.GRAPH_8_BITS} if with_8_bits else {bundle.GRAPH}
    others = (found for name, found in PRECISIONS.items() if found != F32 and checks.get(name, {}).get("allowed"))
    return [F32, *(found for found in others if found.graph in graphs)]


def trained_milliseconds(meta: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the allowed precisions' times as training measured them; None if another processor trained the version."""
    if meta.get("precision", {}).get("processor") != processor_id():
        return None
    took = {each.name: _checks(meta).get(each.name, {}).get("milliseconds") for each in allowed_precisions(meta)}
    return took if all(isinstance(milliseconds, float) for milliseconds in took.values()) else None


def fastest(milliseconds: Mapping[str, float]) -> Precision:
    """Return the precision of the shortest time; 32 bits unless another saves a tenth.

    ``milliseconds`` has the time of 32 bits and of each other allowed precision, by name."""
    name = min(milliseconds, key=milliseconds.__getitem__)
    return PRECISIONS[name] if milliseconds[name] <= MAX_TIME_RATIO * milliseconds[F32.name] else F32


def _checks(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    checks: Mapping[str, Any] = meta.get("precision", {}).get("checks", {})
    return checks
