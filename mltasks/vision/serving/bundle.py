"""Directory of one model version: written atomically, never changed, identified by one hash.

- ``model.safetensors``: all weights
- ``serving.xml`` and ``.bin``: the serving graph
- ``serving8.xml`` and ``.bin``: the same with convolutions in 8 bits, if it scores as well
- ``meta.json``: settings for scoring and the version's origin
- ``report.json``: the evaluation; ``plots/`` and ``worst/`` hold its figures
- ``manifest.json``: the sha256 of every other file
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
META = "meta.json"
REPORT = "report.json"
GRAPH, GRAPH_8_BITS = "serving.xml", "serving8.xml"
WEIGHTS = "model.safetensors"


class BundleCorrupt(RuntimeError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """A version's directory is incomplete or differs from the one that was written."""


def write_atomic(directory: Path, fill: Callable[[Path], None]) -> str:
    """Fill a hidden sibling directory, rename it into place and return the version's digest.

    A crash or an error at any moment leaves no directory of that name. Raises FileExistsError if the directory exists
    (a version never changes).
    """
    if directory.exists():
        raise FileExistsError(f"{directory} exists; a version's directory is written once.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = directory.parent / f".{directory.name}.{secrets.token_hex(4)}.partial"
    draft.mkdir()
    try:
        fill(draft)
        write_json(draft / MANIFEST, file_hashes(draft))
        _sync_tree(draft)
        draft.rename(directory)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync(directory.parent)
    return digest(directory)


def install_atomic(draft: Path, directory: Path, expected_sha256: str) -> None:
    """Verify a copy of a version and rename it into place.

    ``draft`` must lie on the same filesystem. A directory that another process put in place meanwhile stays. Raises
    BundleCorrupt as ``verify``.
    """
    verify(draft, expected_sha256)
    _sync_tree(draft)
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.rename(directory)
    except OSError:
        if not directory.is_dir():
            raise
    sync(directory.parent)


def digest(directory: Path) -> str:
    """Return the version's sha256 over the sorted names and hashes of all its files on disk."""
    return digest_of_hashes(file_hashes(directory))


def digest_of_hashes(hashes: Mapping[str, str]) -> str:
    """Return the digest of a directory with these file hashes."""
    lines = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()


def verify(directory: Path, expected_sha256: str | None = None) -> str:
    """Check a version's directory and return its digest.

    Raises BundleCorrupt if a file is missing, changed or added, or if the digest is not the expected one.
    """
    try:
        recorded: dict[str, str] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        actual = file_hashes(directory)
    except (OSError, ValueError) as error:
        raise BundleCorrupt(f"{directory} contains no readable version: {error}") from error
    changed = sorted(name for name in {*recorded, *actual} if recorded.get(name) != actual.get(name))
    if changed:
        raise BundleCorrupt(f"{directory} has changed since it was written: {', '.join(changed)}")
    sha256 = digest_of_hashes(actual)
    if expected_sha256 not in (None, sha256):
        raise BundleCorrupt(f"{directory} has sha256 {sha256}, not the expected {expected_sha256}")
    return sha256


def file_hashes(directory: Path) -> dict[str, str]:
    """Return the sha256 of every file but the manifest, by relative name."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    named = {path.relative_to(directory).as_posix(): path for path in files}
    return {name: file_sha256(path) for name, path in named.items() if name != MANIFEST}


def read_meta(directory: Path) -> dict[str, Any]:
    """Read the version's ``meta.json``. Raises BundleCorrupt if that fails."""
    try:
        meta: dict[str, Any] = json.loads((directory / META).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleCorrupt(f"{directory / META} cannot be read: {error}") from error
    return meta


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict, indented JSON (no NaN) and keep the order of the keys."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return a file's sha256 as hexadecimal digits. Raises FileNotFoundError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_tree(directory: Path) -> None:
    for path in sorted(directory.rglob("*"), reverse=True):
        sync(path)
    sync(directory)


def sync(path: Path) -> None:
    """Write a file's or a directory's changes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
