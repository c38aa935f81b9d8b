"""Targets of exports: a regular file appears whole, a device or a pipe is written to, ``-`` is standard output."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mltasks import whole_files
from mltasks.file_names import printable

Fill = Callable[[BinaryIO], object]

STDOUT = 1
_STREAMS = {"-": STDOUT, "/dev/stdout": STDOUT, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")


def write(target: str, default_name: str, fill: Fill, *, scratch: Path | None = None) -> tuple[str, bool]:
    """Let ``fill`` write an export to the target; return the target's name and True if it is standard output.

    1. ``-``, /dev/stdout and /dev/fd/N are this process's own open streams.
    2. A folder gets a file of the default name. A link is followed: the file that it names is replaced, the link stays.
    3. A regular file, or a new one, appears whole: it is written beside its place, synced and renamed.
    4. Everything else (device, pipe) is opened and written to, never replaced.

    A stream gets its first byte once the export is complete: it waits in a temporary file in ``scratch``, or in the
    machine's own folder for such files. Raises OSError, and what ``fill`` raises.
    """
    descriptor = _open_stream(target)
    if descriptor is not None:
        _stream(lambda: os.fdopen(os.dup(descriptor), "wb"), fill, scratch)
        return ("standard output" if descriptor == STDOUT else target), descriptor == STDOUT
    path = Path(target)
    if path.is_dir():
        path /= default_name
    place = _followed(path)
    if place.exists() and not place.is_file():
        _stream(lambda: place.open("wb"), fill, scratch)
    else:
        _replace(place, fill)
    return printable(str(path)), False


def _open_stream(target: str) -> int | None:
    """Return the file descriptor that the target names, None for a path."""
    numbered = _DESCRIPTOR.fullmatch(target)
    return int(numbered[1]) if numbered else _STREAMS.get(target)


def _followed(path: Path) -> Path:
    """Return the path behind all links. Raises OSError for links that lead to themselves."""
    place = Path(os.path.realpath(path))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return place


def _stream(opened: Callable[[], BinaryIO], fill: Fill, scratch: Path | None) -> None:
    with tempfile.TemporaryFile(dir=scratch) as whole:
        fill(whole)
        whole.seek(0)
        sys.stdout.flush()
        with opened() as stream:
            shutil.copyfileobj(whole, stream)


def _replace(path: Path, fill: Fill) -> None:
    """Write the file whole; one that it replaces passes its permissions on."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path))
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None

    def fill_draft(draft: BinaryIO) -> None:
        if mode is not None:
            os.fchmod(draft.fileno(), mode)
        fill(draft)

    whole_files.write(path, fill_draft, drafts=path.parent, durable=True)
    whole_files.sync(path.parent)
