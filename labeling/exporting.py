"""Labels for other tools: one CSV, whole or not at all."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from inspection.models import Product
from labeling.datasets import standing_labels
from labeling.models import Label, current_name
from mltasks.cells import safe

HEADER = ("name", "sha256", "label", "defect type", "reviewer", "time")


def export_labels(product: Product, path: Path) -> int:
    """Write every labeled image of the product with its standing label, oldest part first; return how many.

    UTF-8, times in ISO 8601. The file appears whole: written beside its place, synced and renamed. Raises OSError.
    """
    labels = sorted(standing_labels(product), key=lambda label: (label.inspection.received_at, label.pk))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("x", newline="", encoding="utf-8") as file:
            write_csv(file, labels)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return len(labels)


def write_csv(file: IO[str], labels: Iterable[Label]) -> None:
    """Write the header and one line a label."""
    writer = csv.writer(file)
    writer.writerow(HEADER)
    writer.writerows(rows(labels))


def rows(labels: Iterable[Label]) -> Iterator[Sequence[str]]:
    """The cells of each label, safe to open in a spreadsheet."""
    for label in labels:
        part = label.inspection
        yield [
            safe(part.title or part.part_id or str(part.pk)),
            part.image_sha256,
            label.verdict,
            safe(current_name(label.defect_type)),
            safe(label.reviewer.username if label.reviewer else ""),
            label.created_at.isoformat(),
        ]
