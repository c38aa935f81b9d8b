"""This machine's processor: its name and the instructions that decide how fast a graph runs in each precision."""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

# Linux's names of the instruction sets for wide vectors, 8-bit products and 16-bit numbers
FEATURES = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
)
# Instructions that multiply 8-bit numbers at least four times as fast as 32-bit ones
_FAST_INT8 = frozenset({"avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm"})
_CPU_INFO = Path("/proc/cpuinfo")


@functools.cache
def processor_name() -> str:
    """Return the processor's name; on systems other than Linux what Python knows of it."""
    return _read_entry("model name") or platform.processor() or platform.machine()


@functools.cache
def processor_features() -> tuple[str, ...]:
    """Return the instruction sets of ``FEATURES`` that graphs may use; none on systems other than Linux.

    These are the processor's, or AVX2 alone where ``ONEDNN_MAX_CPU_ISA`` limits OpenVINO to it.
    """
    flags = set((_read_entry("flags") or _read_entry("Features")).split())
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() == "AVX2":
        flags &= {"avx2"}
    return tuple(name for name in FEATURES if name in flags)


def has_fast_int8() -> bool:
    """Return True if the processor has instructions for 8-bit products (VNNI, AMX or Arm's dot products)."""
    return not _FAST_INT8.isdisjoint(processor_features())


def has_bfloat16() -> bool:
    """Return True if the processor multiplies bfloat16 numbers; others would only emulate them."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(processor_features())


def processor_id() -> str:
    """Return one text that differs between processors on which a graph's times differ."""
    return f"{processor_name()} ({', '.join(processor_features()) or platform.machine()})"


def _read_entry(name: str) -> str:
    """Return the first value of an entry of Linux's /proc/cpuinfo; empty without it."""
    lines = _CPU_INFO.read_text(encoding="utf-8").splitlines() if _CPU_INFO.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")
