"""The processor's instruction sets, by which a version's precision and the serving bench's limits are chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mltasks.vision.serving import processor

CPU_INFO = """processor\t: 0
model name\t: Some Processor
flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_tile

processor\t: 1
model name\t: Some Processor
"""


@pytest.fixture
def cpu_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the processor is read from; read again after the test."""
    path = tmp_path / "cpuinfo"
    path.write_text(CPU_INFO)
    monkeypatch.setattr(processor, "_CPU_INFO", path)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    yield path
    monkeypatch.undo()
    forget()


def forget() -> None:
    processor.processor_name.cache_clear()
    processor.processor_features.cache_clear()


def test_name_and_instructions_are_read(cpu_info: Path) -> None:
    forget()
    assert processor.processor_id() == "Some Processor (avx2, avx512f, avx512_vnni, avx512_bf16)"
    assert processor.has_fast_int8() and processor.has_bfloat16()


def test_a_limit_to_avx2_hides_what_is_newer(cpu_info: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    forget()
    assert processor.processor_features() == ("avx2",)
    assert not processor.has_fast_int8() and not processor.has_bfloat16()


@pytest.mark.parametrize(("flag", "fast"), [("amx_int8", True), ("avx_vnni", True), ("avx512_bf16", False)])
def test_8_bits_are_fast_with_vnni_or_amx(cpu_info: Path, flag: str, fast: bool) -> None:
    cpu_info.write_text(CPU_INFO.replace("avx512_vnni avx512_bf16", flag))
    forget()
    assert processor.has_fast_int8() is fast
