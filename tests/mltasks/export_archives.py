"""Another plant for the tests: a key of its own, and files that it, or somebody on the way, made otherwise."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mltasks.exchange import signing, version_export
from mltasks.models import ModelVersion

ArchiveDocument = dict[str, Any]
Members = dict[str, bytes]


class OtherPlant:
    """A plant that is not this one, with its key."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = pem.decode()
        self.fingerprint = signing.fingerprint(self.public_key)

    def export(
        self, version: ModelVersion, change: Callable[[ArchiveDocument, Members], None] | None = None
    ) -> io.BytesIO:
        """The version as this plant would export it; ``change`` may alter what it says and the files before both are
        signed and packed."""
        members = export_members(version)
        said = json.loads(members["export.json"])
        said["fingerprint"] = self.fingerprint
        if change:
            change(said, members)
        return self.sign_and_pack(json.dumps(said).encode(), members)

    def sign_and_pack(self, document: bytes, members: Members) -> io.BytesIO:
        """A file with this document, signed, and these members."""
        signed = {"export.json": document, "export.sig": self._key.sign(document)}
        return pack({**members, **signed, "export.pem": self.public_key.encode()})


def export_members(version: ModelVersion) -> Members:
    """The contents of the version's own export, by name."""
    out = io.BytesIO()
    version_export.export(version, out, by=None)
    with zipfile.ZipFile(out) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def pack(members: Members, compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    """A ZIP of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, compression)
    out.seek(0)
    return out


def replace_member(document: ArchiveDocument, members: Members, name: str, content: bytes) -> None:
    """Give a file of the version another content, and let the document say so, digest and manifest included."""
    members[f"bundle/{name}"] = content
    files = document["bundle"]["files"]
    files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    hashes = {one: files[one]["sha256"] for one in files if one != "manifest.json"}
    manifest = json.dumps(hashes).encode()
    members["bundle/manifest.json"] = manifest
    files["manifest.json"] = {"sha256": hashlib.sha256(manifest).hexdigest(), "size": len(manifest)}
    lines = "".join(f"{hashes[one]}  {one}\n" for one in sorted(hashes))
    document["bundle"]["sha256"] = hashlib.sha256(lines.encode()).hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every file on disk."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
