"""Signed document of an exported version, ``export.json``; parsing validates all fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from django.utils import timezone

from mltasks.exchange import signing
from mltasks.models import ModelVersion, SnapshotItem
from mltasks.snapshots.snapshots import manifest_sha256
from mltasks.text import strict_json
from mltasks.vision.serving import bundle
from mltasks.vision.types import HOLDOUT, parse_marks

FORMAT = 1
MAX_FILES = 1000
ITEM_KEYS = ("title", "image_sha256", "target", "defect_type", "group", "split", "roi")
# Written only for items that have the value, so that earlier programs read all other documents.
OPTIONAL_ITEM_KEYS = ("bit_depth", "marks", "mask_sha256")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,3}")
T = TypeVar("T")


class FileEntry(NamedTuple):
    """Signed hash and size (bytes) of a file."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """Summary of the snapshot that the version was trained on at the exporting plant."""

    number: int
    sha256: str
    good: int
    defective: int


@dataclass(frozen=True, slots=True)
class VersionDocument:
    """Content of the signed document.

    ``sha256`` is the digest of the version's directory, ``files`` are by their names in the directory.
    """

    product: str
    number: int
    fingerprint: str
    sha256: str
    files: Mapping[str, FileEntry]
    protocol: str
    evaluation: Mapping[str, Any]
    snapshot: SnapshotSummary | None
    config: Mapping[str, Any]


def build_document(version: ModelVersion, files: Mapping[str, FileEntry], *, exported_by: str) -> bytes:
    """Return the document of a version whose directory has these files."""
    document = {
        "format": FORMAT,
        "product": version.model.name,
        "version": version.number,
        "exported_at": timezone.now().isoformat(timespec="seconds"),
        "exported_by": exported_by,
        "fingerprint": signing.fingerprint(signing.own_public_key()),
        "bundle": {"sha256": version.sha256, "files": {name: entry._asdict() for name, entry in files.items()}},
        "report": {"protocol": version.report.protocol, "evaluation": version.report.evaluation},
        "snapshot": _snapshot_json(version),
        "config": version.run.config,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode()


def parse_document(raw: bytes) -> VersionDocument:
    """Return the content of a document.

    Raises ValueError if the document is incomplete or its files or snapshot items do not have the stated hash.
    """
    document = strict_json.parse(raw)
    stated_format = document.get("format") if isinstance(document, dict) else None
    if stated_format != FORMAT:
        raise ValueError(f"its format is {stated_format!r}, but this program reads format {FORMAT}: update both plants")
    directory, report = _get_typed(document, "bundle", dict), _get_typed(document, "report", dict)
    files, sha256 = _parse_files(_get_typed(directory, "files", dict)), _get_sha256(directory, "sha256")
    hashes = {name: entry.sha256 for name, entry in files.items() if name != bundle.MANIFEST}
    if bundle.digest_of_hashes(hashes) != sha256:
        raise ValueError("its digest differs from the digest of its files")
    evaluation = _get_typed(report, "evaluation", dict)
    _get_typed(evaluation, "metrics", dict)
    return VersionDocument(
        product=_get_typed(document, "product", str)[:80],
        number=_get_count(document, "version"),
        fingerprint=_get_sha256(document, "fingerprint"),
        sha256=sha256,
        files=files,
        protocol=_parse_protocol(report),
        evaluation=evaluation,
        snapshot=None if document.get("snapshot") is None else _parse_snapshot(_get_typed(document, "snapshot", dict)),
        config=_get_typed(document, "config", dict),
    )


def _snapshot_json(version: ModelVersion) -> dict[str, Any] | None:
    """Return the version's own snapshot, or the one in its signed document if it was imported."""
    snapshot, imported = version.run.snapshot, getattr(version, "imported", None)
    if snapshot is None:
        signed: dict[str, Any] | None = json.loads(imported.document)["snapshot"] if imported else None
        return signed
    rows = snapshot.items.order_by("image_sha256").values(*ITEM_KEYS, *OPTIONAL_ITEM_KEYS)
    items = [{name: value for name, value in row.items() if name in ITEM_KEYS or value} for row in rows]
    return {"number": snapshot.number, "sha256": snapshot.sha256, "items": items}


def _parse_snapshot(data: Mapping[str, Any]) -> SnapshotSummary:
    items = sorted(map(_parse_item, _get_typed(data, "items", list)), key=lambda item: item.image_sha256)
    sha256 = _get_sha256(data, "sha256")
    if manifest_sha256(items) != sha256:
        raise ValueError("the hash of its snapshot's items differs from the recorded hash")
    # Locked items were not trained on, as in own snapshots.
    trained_on = [item for item in items if item.split != HOLDOUT]
    defective = sum(item.target for item in trained_on)
    return SnapshotSummary(_get_count(data, "number"), sha256, len(trained_on) - defective, defective)


def _parse_item(data: Any) -> SnapshotItem:
    names = set(data) - set(OPTIONAL_ITEM_KEYS) if isinstance(data, dict) else set()
    if names != set(ITEM_KEYS) or data["target"] not in (0, 1):
        raise ValueError("an item of its snapshot is invalid")
    texts = {name: _get_typed(data, name, str) for name in ITEM_KEYS if name != "target"}
    return SnapshotItem(
        **texts,
        target=_get_typed(data, "target", int),
        bit_depth=_get_count(data, "bit_depth") if "bit_depth" in data else None,
        marks=[mark.to_json() for mark in parse_marks(data.get("marks", []))] or None,
        mask_sha256=_get_sha256(data, "mask_sha256") if "mask_sha256" in data else "",
    )


def _parse_protocol(report: Mapping[str, Any]) -> str:
    protocol = _get_typed(report, "protocol", str)
    if _get_typed(_get_typed(report["evaluation"], "protocol", dict), "words", str) != protocol:
        raise ValueError("the protocol of its report differs from the stated protocol")
    return protocol


def _parse_files(data: Mapping[str, Any]) -> dict[str, FileEntry]:
    files = {name: FileEntry(_get_sha256(entry, "sha256"), _get_count(entry, "size")) for name, entry in data.items()}
    folders = {name.rsplit("/", depth)[0] for name in files for depth in range(1, name.count("/") + 1)}
    odd = [name for name in files if not _FILE.fullmatch(name) or name in folders]
    if odd:
        raise ValueError(f"it lists a file {odd[0][:80]!r}, which no version has")
    if len(files) > MAX_FILES or not {bundle.MANIFEST, bundle.META, bundle.REPORT, bundle.GRAPH} <= set(files):
        raise ValueError("it lists too many files, or not those that every version has")
    return files


def _get_typed(data: Any, name: str, expected_type: type[T]) -> T:
    """Return the value of that name.

    Raises ValueError unless it has exactly this type: true is not a number.
    """
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not expected_type:
        raise ValueError(f"its `{name}` is missing or of the wrong type")
    return value


def _get_count(data: Any, name: str) -> int:
    count = _get_typed(data, name, int)
    if not 0 <= count < 1 << 31:
        raise ValueError(f"its `{name}` is out of range: {count}")
    return count


def _get_sha256(data: Any, name: str) -> str:
    sha256 = _get_typed(data, name, str)
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"its `{name}` is not a sha256")
    return sha256
