"""Plain tar archive of a version's directory, so that a store has it whole or not at all."""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO


def pack(directory: Path, into: BinaryIO) -> None:
    """Write all files below the directory, by their relative names."""
    with tarfile.open(fileobj=into, mode="w") as packed:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                packed.add(path, path.relative_to(directory).as_posix(), recursive=False)


def unpack(packed: BinaryIO, directory: Path) -> None:
    """Unpack the files into a new directory.

    Raises ValueError for content that ``pack`` does not write: a broken file, links, names outside the directory.
    """
    directory.mkdir()
    try:
        with tarfile.open(fileobj=packed, mode="r:") as opened:
            for member in opened:
                _unpack_one(opened, member, directory)
    except tarfile.TarError as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error


def _unpack_one(opened: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    name = PurePosixPath(member.name)
    content = opened.extractfile(member) if member.isreg() else None
    if content is None or name.is_absolute() or ".." in name.parts or not name.parts:
        raise ValueError(f"it contains {member.name!r}, which no version has")
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("xb") as file:
        while chunk := content.read(1 << 20):
            file.write(chunk)
