"""Compute settings of training: device, threads, precision, reproducibility and seeds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Dimensions of maps: number, channels, height, width
MAP_DIMENSIONS = 4


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a device computes in 32 bits, within autocast, too."""
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


def full_precision_on_cpu(device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a CPU computes in 32 bits: bfloat16 is slower there for wide depthwise layers."""
    return full_precision(device) if device.type == "cpu" else nullcontext()


@dataclass(frozen=True, slots=True)
class Compute:
    """Device of a run, and whether it uses bfloat16 where that is fast."""

    device: torch.device
    half: bool

    def autocast(self) -> AbstractContextManager[object]:
        """Return the autocast context: bfloat16 for convolutions and matrix products, if enabled."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def move_module(self, module: nn.Module) -> None:
        """Move a network to the device in channels-last format, which is faster, also on CPUs."""
        module.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def to_device(self, stored: Tensor) -> Tensor:
        """Move stored numbers to the device as float32; maps become channels last, like networks.

        The format of maps ``[n, channels, h, w]`` is changed once here, before the conversion to 32 bits. Otherwise
        each convolution would change it, forward and backward."""
        moved = stored.to(self.device)
        return (moved.contiguous(memory_format=torch.channels_last) if moved.ndim == MAP_DIMENSIONS else moved).float()

    def describe(self) -> dict[str, str | int]:
        """Return facts for ``meta.json``; training is bitwise repeatable where they are equal."""
        return {
            "device": self.device.type,
            "precision": "bfloat16" if self.half else "float32",
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        }


@contextmanager
def reproducible(threads: int) -> Iterator[Compute]:
    """Run the block with deterministic algorithms and a fixed thread count (0: torch's default).

    The process's own settings and random state are restored afterwards."""
    compute = select_compute()
    if compute.device.type == "cuda":
        # cuBLAS is deterministic only with a fixed workspace, which it reads once.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.backends.cudnn.benchmark)
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    # Filling unused memory with NaN takes a tenth of the time of trained convolutions.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    if threads:
        torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng():
            yield compute
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.set_num_threads(before[1])
        torch.backends.cudnn.benchmark = before[2]


def select_compute() -> Compute:
    """Return the default device of training: a GPU if there is one."""
    cuda = torch.cuda.is_available()
    return Compute(torch.device("cuda" if cuda else "cpu"), half=cuda or fast_bfloat16())


def fast_bfloat16() -> bool:
    """Return True if this CPU multiplies bfloat16 natively; emulation is slower than 32 bits.

    False where torch is limited to AVX2 (``ATEN_CPU_CAPABILITY``), so one machine can test both cases."""
    if not torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AMX")):
        return False
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


def derive_seed(seed: int, *purpose: object) -> int:
    """Return a seed for a purpose, so that draws of one step do not depend on other steps."""
    text = ":".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
