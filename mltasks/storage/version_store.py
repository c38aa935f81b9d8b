"""Versions in the shared store: one tar each, published before its row, fetched once per machine.

With MEDIA_STORE=local a version is its directory below VERSIONS_DIR, and these functions do nothing.
"""

from __future__ import annotations

import logging
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from django.conf import settings

from mltasks.storage import object_store
from mltasks.vision.serving import bundle

logger = logging.getLogger(__name__)


class StoredDirectory(Protocol):
    """Row of a directory below VERSIONS_DIR: a version, or another row with files of the same kind."""

    sha256: str
    # Name below VERSIONS_DIR
    bundle: str

    @property
    def path(self) -> Path:
        """Return the directory on this machine."""


def ensure_local(version: StoredDirectory) -> Path:
    """Return the version's directory on this machine; fetch and verify it if it is missing.

    Raises BundleCorrupt if the store has no such version or a damaged one, and StoreUnreachable.
    """
    path = version.path
    if object_store.is_shared() and not path.is_dir():
        _fetch(version, path)
    return path


def publish(name: str, pauses: Sequence[float] | None = None) -> None:
    """Put the directory of that name below VERSIONS_DIR into the store.

    Call it before the row is written: a row means that every machine can fetch the version. Raises StoreUnreachable
    after four minutes of trying, or after the tries that ``pauses`` allows.
    """
    if not object_store.is_shared():
        return
    with object_store.version_scratch_folder() as folder:
        packed = folder / "packed"
        with packed.open("wb") as file:
            pack(Path(settings.VERSIONS_DIR) / name, file)
        object_store.publish(_object_name(name), packed, pauses)
        logger.info("Published %s: %.0f MB", name, packed.stat().st_size / 1e6)


def is_published(name: str) -> bool:
    """Return True if the store has the directory, intact or damaged. Raises StoreUnreachable."""
    return object_store.version_bucket().size_of(_object_name(name)) is not None


def remove(name: str) -> None:
    """Remove a directory that got no row from this machine and the store."""
    shutil.rmtree(Path(settings.VERSIONS_DIR) / name, ignore_errors=True)
    object_store.unpublish(_object_name(name))


def _fetch(version: StoredDirectory, path: Path) -> None:
    name = _object_name(version.bundle)
    with object_store.version_scratch_folder() as folder, (folder / "packed").open("w+b") as file:
        try:
            object_store.version_bucket().read(name, file)
            file.seek(0)
            unpack(file, folder / "whole")
            bundle.install_atomic(folder / "whole", path, version.sha256)
        except FileNotFoundError as error:
            raise bundle.BundleCorrupt(
                f"The store has no {name}. Restore it from a backup of the bucket, or run `manage.py fill_store` on "
                "the machine that trained it."
            ) from error
        except (ValueError, bundle.BundleCorrupt) as error:
            raise bundle.BundleCorrupt(
                f"{name} in the store is not {version}: {error}. Restore it from a backup of the "
                "bucket, run `manage.py fill_store --replace` on the machine that trained it, or promote another "
                "version."
            ) from error
    logger.info("Fetched %s: %s", version, name)


def _object_name(name: str) -> str:
    return f"{name}.tar"


def pack(directory: Path, into: BinaryIO) -> None:
    """Write all files below the directory into a plain tar, by their relative names."""
    with tarfile.open(fileobj=into, mode="w") as packed:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                packed.add(path, path.relative_to(directory).as_posix(), recursive=False)


def unpack(packed: BinaryIO, directory: Path) -> None:
    """Unpack a tar that ``pack`` wrote into a new directory.

    Raises ValueError for content that ``pack`` does not write: a broken file, links, names outside the directory.
    """
    directory.mkdir()
    try:
        with tarfile.open(fileobj=packed, mode="r:") as opened:
            for member in opened:
                _unpack_member(opened, member, directory)
    except tarfile.TarError as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error


def _unpack_member(opened: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    name = PurePosixPath(member.name)
    content = opened.extractfile(member) if member.isreg() else None
    if content is None or name.is_absolute() or ".." in name.parts or not name.parts:
        raise ValueError(f"it contains {member.name!r}, which no version has")
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("xb") as file:
        while chunk := content.read(1 << 20):
            file.write(chunk)
