"""Where and how training computes: device, threads, precision and reproducibility, in one place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Dimensions of maps: number, channels, height, width
MAP_DIMENSIONS = 4


@dataclass(frozen=True, slots=True)
class Compute:
    """The device of a run, and whether half precision (bfloat16) is used where it is fast."""

    device: torch.device
    half: bool

    def autocast(self, *, depthwise: bool = False) -> AbstractContextManager[object]:
        """bfloat16 for convolutions and matrix products, where the machine has it; of ``depthwise`` convolutions not on
        a processor, where they are slower so."""
        enabled = self.half and not (depthwise and self.device.type == "cpu")
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def move_module(self, module: nn.Module) -> None:
        """Move a network to the device, channels last: convolutions are faster so, on processors too."""
        module.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def to_device(self, stored: Tensor) -> Tensor:
        """Stored numbers on the device in 32 bits; maps ``[n, channels, h, w]`` channels last, as networks are placed:
        turned here once, in half the bytes, and not by each convolution, forwards and backwards."""
        found = stored.to(self.device)
        return (found.contiguous(memory_format=torch.channels_last) if found.ndim == MAP_DIMENSIONS else found).float()

    def describe(self) -> dict[str, str | int]:
        """Facts for ``meta.json``: bit-for-bit repeatability holds where these are equal."""
        return {
            "device": self.device.type,
            "precision": "bfloat16" if self.half else "float32",
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        }


@contextmanager
def reproducible(threads: int) -> Iterator[Compute]:
    """Deterministic algorithms and a fixed number of threads (0: torch's default) while the block runs; the process's
    own settings and random state come back afterwards."""
    compute = select_compute()
    if compute.device.type == "cuda":
        # cuBLAS is deterministic only with a fixed workspace, which it reads once.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.backends.cudnn.benchmark)
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    # What nobody reads need not be filled with NaN to be found out: a tenth of the time of convolutions that learn.
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
    """The device that learning takes by itself: a GPU where there is one."""
    cuda = torch.cuda.is_available()
    return Compute(torch.device("cuda" if cuda else "cpu"), half=cuda or fast_bfloat16())


def fast_bfloat16() -> bool:
    """Return True if this processor multiplies bfloat16 natively; emulated bfloat16 is slower than 32 bits.

    False where torch is limited to AVX2 (``ATEN_CPU_CAPABILITY``), so that one machine can stand for the other kind.
    """
    if not torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AMX")):
        return False
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


def derive_seed(seed: int, *purpose: object) -> int:
    """A seed of its own for each purpose, so that no step's draws depend on how many another step made."""
    text = ":".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
