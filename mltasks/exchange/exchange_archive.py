"""Export archive of a version: one uncompressed ZIP in which every byte is accounted for.

- ``export.json`` describes the version.
- ``export.sig`` is the plant's signature of ``export.json``, 64 bytes.
- ``export.pem`` is the public key of the signature.
- ``bundle/`` has the version's files; ``export.json`` has their sizes and hashes.

To check the signature without this program: ``openssl pkeyutl -verify -pubin -inkey export.pem -rawin -in export.json
-sigfile export.sig``.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mltasks.exchange.export_document import MAX_FILES, FileEntry
from mltasks.exchange.signing import MAX_PEM_BYTES, SIGNATURE_BYTES

DOCUMENT, SIGNATURE, KEY, FILES = "export.json", "export.sig", "export.pem", "bundle/"
# Bytes of the document: 100,000 labeled images take about 30 MB.
MAX_DOCUMENT_BYTES = 64 << 20
_MAX_BYTES = {DOCUMENT: MAX_DOCUMENT_BYTES, SIGNATURE: SIGNATURE_BYTES, KEY: MAX_PEM_BYTES}
_CHUNK_BYTES = 1 << 20
# ZIP format: end record, bytes before a name in a local header and in a directory entry, longest name allowed here.
_END_RECORD, _LOCAL_HEADER_BYTES, _DIRECTORY_ENTRY_BYTES, _MAX_NAME_BYTES = struct.Struct("<4s4H2LH"), 30, 46, 500
_ZIP64_LOCATOR = b"PK\x06\x07"


class ArchiveHeader(NamedTuple):
    """Members before the version's files: document, signature and public key."""

    document_bytes: bytes
    signature: bytes
    public_key_pem: bytes


def write(into: BinaryIO, header: ArchiveHeader, folder: Path, files: Mapping[str, FileEntry]) -> None:
    """Write an archive with these files of the folder, in pieces of 1 MiB."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED, allowZip64=False) as packed:
        for name, content in zip((DOCUMENT, SIGNATURE, KEY), header, strict=True):
            packed.writestr(zipfile.ZipInfo(name), content)
        for name in files:
            with (folder / name).open("rb") as file, packed.open(zipfile.ZipInfo(FILES + name), "w") as member:
                while chunk := file.read(_CHUNK_BYTES):
                    member.write(chunk)


@contextmanager
def open_archive(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open the archive for reading.

    Raises ValueError for a file that ``write`` did not write: no ZIP, repeated names, compression, or bytes that belong
    to no member. Errors while the archive is read are raised as ValueError, too.
    """
    try:
        size = _refuse_large_directory(file)
        with zipfile.ZipFile(file) as packed:
            _refuse_unaccounted_bytes(packed, size)
            yield packed
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error


def read_header(packed: zipfile.ZipFile) -> ArchiveHeader:
    """Return document, signature and key. Raises ValueError if one is missing or too large."""
    return ArchiveHeader(*(_read_member(packed, name, limit) for name, limit in _MAX_BYTES.items()))


def unpack(packed: zipfile.ZipFile, files: Mapping[str, FileEntry], folder: Path) -> None:
    """Write exactly these files into a new folder.

    Raises ValueError for a missing or additional file, and for a wrong size or hash.
    """
    present = set(packed.namelist()) - set(_MAX_BYTES)
    mismatches = sorted(present ^ {FILES + name for name in files})
    if mismatches:
        raise ValueError(f"{mismatches[0]} is {'not in the signed list' if mismatches[0] in present else 'missing'}")
    folder.mkdir()
    for name, entry in files.items():
        if packed.getinfo(FILES + name).file_size != entry.size:
            raise ValueError(f"the size of {FILES}{name} differs from the signed size")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if _copy(packed, FILES + name, path) != entry.sha256:
            raise ValueError(f"the hash of {FILES}{name} differs from the signed hash")


def _copy(packed: zipfile.ZipFile, name: str, path: Path) -> str:
    """Copy one member to a new file; return its hash."""
    digest = hashlib.sha256()
    with packed.open(name) as member, path.open("xb") as file:
        while chunk := member.read(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _read_member(packed: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in packed.namelist():
        raise ValueError(f"it has no {name}")
    if packed.getinfo(name).file_size > limit:
        raise ValueError(f"its {name} is too large")
    return packed.read(name)


def _refuse_large_directory(file: BinaryIO) -> int:
    """Refuse an archive whose directory is larger than an export's; return the file's size.

    The ZIP library reads the whole directory before it can be checked.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_RECORD.size - 20))
    tail = file.read()
    mark, *counts, length, start, comment = _END_RECORD.unpack(tail[-_END_RECORD.size :].rjust(_END_RECORD.size, b"\0"))
    if mark != b"PK\x05\x06" or comment or _ZIP64_LOCATOR in tail[:20]:
        raise ValueError("it is not an export of a plant, or it is incomplete")
    if (
        counts[3] > MAX_FILES + len(_MAX_BYTES)
        or length > counts[3] * (_DIRECTORY_ENTRY_BYTES + _MAX_NAME_BYTES)
        or start + length > size
    ):
        raise ValueError("its ZIP directory is not that of an export")
    file.seek(0)
    return size


def _refuse_unaccounted_bytes(packed: zipfile.ZipFile, size: int) -> None:
    members, expected = packed.infolist(), 0
    for member in members:
        if (
            member.compress_type != zipfile.ZIP_STORED
            or member.flag_bits & 1
            or member.file_size != member.compress_size
        ):
            raise ValueError(f"{member.filename[:80]!r} is compressed or encrypted")
        if member.filename != member.orig_filename or member.header_offset != expected:
            raise ValueError(f"there are unexpected bytes before {member.filename[:80]!r}")
        expected += _LOCAL_HEADER_BYTES + len(member.filename.encode()) + member.file_size
    directory = sum(_DIRECTORY_ENTRY_BYTES + len(member.filename.encode()) for member in members)
    if packed.start_dir != expected or expected + directory + _END_RECORD.size != size:
        raise ValueError("it contains unexpected bytes")
    if len(set(packed.namelist())) < len(members):
        raise ValueError("it contains a name twice")
