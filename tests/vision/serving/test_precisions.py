"""The precision in which a version is served: the fastest one that keeps its scores, 32 bits in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino
import pytest

from mltasks.vision.serving import bundle, precision_timer, precisions, processor
from mltasks.vision.serving.precisions import F32, PRECISIONS, allowed_precisions, fastest, trained_milliseconds
from tests.vision.export.test_precision import make_linear_graph


def meta(**allowed: float | None) -> dict[str, Any]:
    """A version's meta data: milliseconds of each precision, None for one that is not allowed."""
    checks = {name: {"allowed": took is not None, "milliseconds": took or 1.0} for name, took in allowed.items()}
    return {"precision": {"processor": processor.processor_id(), "checks": checks}}


@pytest.mark.parametrize(
    ("took", "name"),
    [
        ({"f32": 80.0}, "f32"),
        ({"f32": 80.0, "bf16": 40.0, "int8": 50.0}, "bf16"),
        ({"f32": 80.0, "bf16": 400.0, "int8": 50.0, "int8_bf16": 390.0}, "int8"),
        ({"f32": 80.0, "int8": 72.1}, "f32"),
        ({"f32": 80.0, "int8": 72.0}, "int8"),
    ],
)
def test_the_fastest_is_taken_if_it_saves_a_tenth(took: dict[str, float], name: str) -> None:
    assert fastest(took).name == name


def test_only_allowed_precisions_count() -> None:
    one = meta(f32=80.0, bf16=None, int8=50.0, int8_bf16=None)

    assert allowed_precisions(one) == [F32, PRECISIONS["int8"]]
    assert trained_milliseconds(one) == {"f32": 80.0, "int8": 50.0}


@pytest.mark.parametrize("old", [{}, {"precision": {"bits": 8, "why": ""}}, {"precision": {"why": "Set."}}])
def test_a_version_of_an_earlier_program_has_one_graph(old: dict[str, Any]) -> None:
    assert allowed_precisions(old) == [F32] and F32.graph == bundle.GRAPH
    assert trained_milliseconds(old) is None


def test_a_graph_with_all_8_bits_needs_a_processor_that_multiplies_them(monkeypatch: pytest.MonkeyPatch) -> None:
    one = meta(f32=80.0, bf16=60.0, int8=50.0, int8_bf16=40.0)
    one["precision"]["needs_int8"] = True

    for fast, names in ((True, ["f32", "bf16", "int8", "int8_bf16"]), (False, ["f32", "bf16"])):
        monkeypatch.setattr(precisions, "has_fast_int8", lambda fast=fast: fast)
        assert [each.name for each in allowed_precisions(one)] == names


def test_times_of_another_processor_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    one = meta(f32=80.0, int8=50.0)
    monkeypatch.setattr(precisions, "processor_id", lambda: "another")

    assert trained_milliseconds(one) is None


def test_both_graphs_are_timed_in_a_process_of_their_own(tmp_path: Path) -> None:
    for precision in (F32, PRECISIONS["int8"]):
        openvino.save_model(make_linear_graph(), tmp_path / precision.graph, compress_to_fp16=False)

    took = precision_timer.measure_in_new_process(tmp_path, [F32, PRECISIONS["int8"], PRECISIONS["bf16"]])

    assert list(took) == ["f32", "int8", "bf16"] and all(milliseconds > 0 for milliseconds in took.values())


def test_the_processor_is_described(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("model name\t: Quick 9000\nflags\t\t: fpu amx_bf16 avx2 avx512f\n\nmodel name\t: Other\n")
    monkeypatch.setattr(processor, "_CPU_INFO", file)
    for cached in (processor.processor_name, processor.processor_features):
        monkeypatch.setattr(processor, cached.__name__, cached.__wrapped__)

    assert processor.processor_id() == "Quick 9000 (avx2, avx512f, amx_bf16)"
    assert processor.has_bfloat16()
    file.write_text("processor\t: 0\n")
    assert processor.processor_features() == () and not processor.has_bfloat16()
