"""Memory pages of this process that a loaded version no longer needs. Linux with glibc; elsewhere nothing happens."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_MADV_DONTNEED = 4  # linux/mman.h
_MAPS = Path("/proc/self/maps")


def release_mapped_pages(file: Path) -> None:
    """Give back the pages of a read-only mapped file; a page that is read again comes from the file.

    Compiling reads all weights of a graph once and keeps repacked copies of nearly all: of 70 MB of weights, scoring
    reads 5 MB from the file.
    """
    if not _MAPS.exists():
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in _MAPS.read_text().splitlines():
        addresses, access, *_, path = line.split(maxsplit=5)
        if path == str(file.resolve()) and "w" not in access:
            begin, end = (int(address, 16) for address in addresses.split("-"))
            madvise(begin, end - begin, _MADV_DONTNEED)


def return_freed_memory() -> None:
    """Give memory that was freed back to the kernel."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
