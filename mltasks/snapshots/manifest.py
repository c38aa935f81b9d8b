"""Manifest of a snapshot: the text that is hashed, and a CSV table for downloads.

The JSON Lines form has exactly the bytes whose hash is the snapshot's. Cells of the CSV are safe in a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mltasks.models import DatasetSnapshot, SnapshotItem
from mltasks.models.mask_names import mask_name
from mltasks.snapshots.snapshots import manifest_line

# A spreadsheet executes a cell with such a prefix (OWASP, CSV injection); so it does after a tab or a return.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")
_BATCH_SIZE = 1000
# New columns go to the end: programs may read columns by position.
HEADER = ("name", "sha256", "label", "defect type", "group", "split", "region", "image", "marks", "mask")


def spreadsheet_safe(text: str) -> str:
    """Return the text, behind an apostrophe if a spreadsheet would execute it."""
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text


def marks_cell(marks: Any) -> str:
    """Return stored marks as JSON; empty without marks."""
    return json.dumps(marks) if marks else ""


@dataclass(frozen=True, slots=True)
class ManifestFormat:
    """Format of the manifest: content type and a generator of its bytes."""

    content_type: str
    chunks: Callable[[DatasetSnapshot], Iterator[bytes]]


def jsonl_lines(snapshot: DatasetSnapshot) -> Iterator[bytes]:
    """Yield the lines that were hashed at freezing: their sha256 is ``snapshot.sha256``."""
    return map(manifest_line, _items(snapshot))


def csv_lines(snapshot: DatasetSnapshot) -> Iterator[bytes]:
    """Yield a UTF-8 CSV with a header and one line per image.

    Each line has the image's name for people, and the paths of image and mask below MEDIA_ROOT.
    """
    yield _csv_line(HEADER)
    yield from (_csv_line(_cells(item)) for item in _items(snapshot))


FORMATS = {
    "jsonl": ManifestFormat("application/jsonl", jsonl_lines),
    "csv": ManifestFormat("text/csv; charset=utf-8", csv_lines),
}


def _items(snapshot: DatasetSnapshot) -> Iterator[SnapshotItem]:
    """Yield all items in the order of the hash, in batches.

    No database cursor stays open during a slow download.
    """
    last = ""
    while batch := list(snapshot.items.filter(image_sha256__gt=last).order_by("image_sha256")[:_BATCH_SIZE]):
        yield from batch
        last = batch[-1].image_sha256


def _cells(item: SnapshotItem) -> Sequence[Any]:
    label = "FAIL" if item.target else "PASS"
    title, defect_type, group = map(spreadsheet_safe, (item.title, item.defect_type, item.group))
    place = (marks_cell(item.marks), mask_name(item.mask_sha256) if item.mask_sha256 else "")
    return (title, item.image_sha256, label, defect_type, group, item.split, item.roi, item.image_name, *place)


def _csv_line(cells: Sequence[Any]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
