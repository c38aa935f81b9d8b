"""Targets of exports: regular files, devices, pipes, and ``-`` for standard output.

A regular file is written atomically.
"""

from __future__ import annotations

import contextlib
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

from mltasks.storage import atomic_files
from mltasks.text.file_names import printable_filename

Fill = Callable[[BinaryIO], object]

STDOUT = 1
_STREAMS = {"-": STDOUT, "/dev/stdout": STDOUT, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")


def write(target: str, default_name: str, fill: Fill, *, scratch: Path | None = None) -> tuple[str, bool]:
    """Let ``fill`` write an export to the target; return its name and True for standard output.

    1. ``-``, /dev/stdout and /dev/fd/N are this process's own open streams.
    2. A folder gets a file of the default name. A link is followed: its target is replaced, the link stays.
    3. A regular or new file is written beside its place, synced and renamed.
    4. Anything else (device, pipe) is opened and written to, never replaced.

    A stream gets its first byte once the export is complete. Until then the export lies in a temporary file in
    ``scratch``, or in the machine's temporary folder. Raises OSError, and what ``fill`` raises.
    """
    numbered = _DESCRIPTOR.fullmatch(target)
    descriptor = int(numbered[1]) if numbered else _STREAMS.get(target)
    if descriptor is not None:
        _stream(lambda: os.fdopen(os.dup(descriptor), "wb"), fill, scratch)
        return ("standard output" if descriptor == STDOUT else target), descriptor == STDOUT
    path = Path(target)
    if path.is_dir():
        path /= default_name
    existing = _status(path)
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        _stream(lambda: path.open("wb"), fill, scratch)
    elif existing is not None and os.path.samestat(existing, os.fstat(STDOUT)):
        # The shell redirects standard output to this file: later output belongs behind the export.
        _stream(lambda: os.fdopen(os.dup(STDOUT), "wb"), fill, scratch)
    else:
        _replace(Path(os.path.realpath(path)), existing, fill)
    return printable_filename(str(path)), False


def _status(path: Path) -> os.stat_result | None:
    """Return the status of the path's target; None if it does not exist.

    Raises OSError, also for a loop of links.
    """
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _stream(opened: Callable[[], BinaryIO], fill: Fill, scratch: Path | None) -> None:
    with tempfile.TemporaryFile(dir=scratch) as export:
        fill(export)
        export.seek(0)
        sys.stdout.flush()
        with opened() as stream:
            shutil.copyfileobj(export, stream)


def _replace(path: Path, existing: os.stat_result | None, fill: Fill) -> None:
    """Write the file atomically; keep the existing file's permissions, and its owner where allowed."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path))

    def fill_draft(draft: BinaryIO) -> None:
        if existing is not None:
            with contextlib.suppress(PermissionError):
                os.fchown(draft.fileno(), existing.st_uid, existing.st_gid)
            os.fchmod(draft.fileno(), stat.S_IMODE(existing.st_mode))
        fill(draft)

    atomic_files.write(path, fill_draft, draft_dir=path.parent, durable=True)
    atomic_files.sync_folder(path.parent)
