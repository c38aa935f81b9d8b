"""Manifest of a snapshot: the text that is hashed, and its table for downloads.

Cells of a CSV, safe to open in a spreadsheet.

A snapshot's manifest as a file: the very bytes whose hash is the snapshot's, and a table for spreadsheets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mltasks.models import DatasetSnapshot, SnapshotItem
from mltasks.snapshots.snapshots import manifest_line

# A spreadsheet runs a cell that begins so (OWASP, CSV injection); tab and return lead there, too.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_safe(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text


_BATCH_SIZE = 1000
HEADER = ("name", "sha256", "label", "defect type", "group", "split", "region", "image")


@dataclass(frozen=True, slots=True)
class ManifestFormat:
    """One form of the manifest: its content type, and its bytes piece by piece."""

    content_type: str
    chunks: Callable[[DatasetSnapshot], Iterator[bytes]]


def jsonl_lines(snapshot: DatasetSnapshot) -> Iterator[bytes]:
    """The manifest as it was hashed when it was frozen: the sha256 of these bytes is ``snapshot.sha256``."""
    return map(manifest_line, _items(snapshot))


def csv_lines(snapshot: DatasetSnapshot) -> Iterator[bytes]:
    """A CSV in UTF-8 with a header: one line an image, with its name for people and its place below MEDIA_ROOT."""
    yield _csv_line(HEADER)
    yield from (_csv_line(_cells(item)) for item in _items(snapshot))


FORMATS = {
    "jsonl": ManifestFormat("application/jsonl", jsonl_lines),
    "csv": ManifestFormat("text/csv; charset=utf-8", csv_lines),
}


def _items(snapshot: DatasetSnapshot) -> Iterator[SnapshotItem]:
    """All items in the order of the hash, a batch at a time: no cursor stays open while somebody downloads slowly."""
    last = ""
    while batch := list(snapshot.items.filter(image_sha256__gt=last).order_by("image_sha256")[:_BATCH_SIZE]):
        yield from batch
        last = batch[-1].image_sha256


def _cells(item: SnapshotItem) -> Sequence[Any]:
    label = "FAIL" if item.target else "PASS"
    said = (spreadsheet_safe(item.defect_type), spreadsheet_safe(item.group), item.split, item.roi, item.image_name)
    return (spreadsheet_safe(item.title), item.image_sha256, label, *said)


def _csv_line(cells: Sequence[Any]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
