"""Export of labels as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import IO, BinaryIO

from inspection.models import Product
from labeling.datasets.datasets import standing_labels
from labeling.datasets.defect_places import DefectPlace, places_of_product, stated_place
from labeling.models import Label
from labeling.models.defect_types import current_type_name
from mltasks.snapshots.manifest import marks_cell, spreadsheet_safe

# New columns go to the end: programs may read columns by position.
CSV_HEADER = (
    "name",
    "sha256",
    "label",
    "defect type",
    "reviewer",
    "time",
    "part_id",
    "inspection_id",
    "station",
    "received_at",
    "marks",
    "mask",
)


def export_labels(product: Product, output: BinaryIO) -> int:
    """Write every labeled image, oldest part first; return how many. Raises OSError.

    UTF-8, times in ISO 8601. Marks are JSON, masks are paths below MEDIA_ROOT; both are those of the part, also if an
    earlier label states them (`defect_places`).
    """
    standing = standing_labels(product).select_related("inspection__station")
    labels = sorted(standing, key=lambda label: (label.inspection.received_at, label.pk))
    text = io.TextIOWrapper(output, encoding="utf-8", newline="")
    places = places_of_product(product.pk)
    write_csv(text, labels, lambda label: places.get(label.inspection_id, DefectPlace()))
    text.detach()
    return len(labels)


def write_csv(file: IO[str], labels: Iterable[Label], place_of: Callable[[Label], DefectPlace] = stated_place) -> None:
    """Write the header and one line a label, safe to open in a spreadsheet."""
    writer = csv.writer(file)
    writer.writerow(CSV_HEADER)
    for label in labels:
        part, place = label.inspection, place_of(label)
        cells = [
            spreadsheet_safe(part.original_filename or part.part_id or str(part.pk)),
            part.image_sha256,
            label.verdict,
            spreadsheet_safe(current_type_name(label.defect_type)),
            spreadsheet_safe(label.reviewer.username if label.reviewer else ""),
            label.created_at.isoformat(),
            spreadsheet_safe(part.part_id),
            part.pk,
            spreadsheet_safe(part.station.name if part.station else ""),
            part.received_at.isoformat(),
            marks_cell([mark.to_json() for mark in place.marks]),
            place.mask_name,
        ]
        writer.writerow(cells)
