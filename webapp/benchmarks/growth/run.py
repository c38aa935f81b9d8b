"""Run of the growth bench, from an empty database to the printed tables."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import CharField, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone

from inspection.models import Inspection, Product
from labeling.history.retention import RetentionScope, prune
from mltasks.vision.benchmarks.printing import print_line
from webapp.benchmarks.growth import writing
from webapp.benchmarks.growth.satellites import add_satellite_rows
from webapp.benchmarks.queue.filling import fill
from webapp.benchmarks.queue.rows import DAYS

CONNECTIONS = (1, 8)
CROP_BYTES, THUMBNAIL_BYTES = 43_000, 6_500
# Tables of more than a megabyte, the largest first: bytes of the table, of its indexes, in total with TOAST, and rows
_TABLES_SQL = """
SELECT c.relname, pg_relation_size(c.oid), pg_indexes_size(c.oid), pg_total_relation_size(c.oid), c.reltuples::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND pg_total_relation_size(c.oid) > 1000000
ORDER BY 4 DESC
"""
_INDEXES_SQL = """
SELECT i.relname, pg_relation_size(i.oid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = 'inspection_inspection'::regclass ORDER BY 2 DESC
"""


def run(inspections: int, seconds: int) -> None:
    """Fill the database; measure sizes, writes and removals, and print."""
    call_command("migrate", verbosity=0)
    data = fill(inspections, max(2000, inspections // 20), 10, print_line)
    add_satellite_rows()
    print_sizes(inspections)
    for connections in CONNECTIONS:
        print_line(f"{writing.measure_rate(connections, seconds)}; load {os.getloadavg()[0]:.1f}")
    _time_removal(data.product, "rows alone", DAYS * 3 // 4)
    other = Product.objects.exclude(pk=data.product.pk).get()
    print_line(f"{_create_files(other):,} files created")
    _time_removal(other, "with their images", 1)
    begun = time.monotonic()
    _query("VACUUM inspection_inspection")
    print_line(f"VACUUM of the inspections: {time.monotonic() - begun:.1f} s")
    print_sizes(Inspection.objects.count())


def print_sizes(inspections: int) -> None:
    """Print bytes a part of the largest tables and of the inspections' largest indexes."""
    tables = _query(_TABLES_SQL)
    print_line(f"\n{inspections:,} parts; bytes a part\n{'table':<30}{'rows':>10}{'table':>8}{'indexes':>9}{'all':>8}")
    for name, *sizes, rows in tables:
        table, indexes, total = (size / inspections for size in sizes)
        print_line(f"{name:<30}{rows:>10,}{table:>8.0f}{indexes:>9.0f}{total:>8.0f}")
    print_line(f"{'all':<30}{sum(row[3] for row in tables) / inspections:>35.0f}")
    for name, size in _query(_INDEXES_SQL)[:12]:
        print_line(f"  {name:<40}{size / inspections:>8.1f}")
    print_line("")


def _query(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def _time_removal(product: Product, text: str, days: int) -> None:
    before, begun = timezone.now() - timedelta(days=days), time.monotonic()
    batches = list(prune(RetentionScope(product, before)))
    seconds, removed = time.monotonic() - begun, sum(batch.parts_removed for batch in batches)
    examined, freed = sum(batch.parts_examined for batch in batches), sum(batch.freed.bytes for batch in batches)
    print_line(
        f"removed, {text}: {removed:,} of {examined:,} in {seconds:.1f} s, {removed / seconds:,.0f} a second, "
        f"{freed / 1e6:,.0f} MB of files; load {os.getloadavg()[0]:.1f}"
    )


def _create_files(product: Product) -> int:
    """Create an image and a thumbnail file for each part.

    The files are sparse: they take no disk space, and their removal costs only the names.
    """
    root, files = Path(settings.MEDIA_ROOT), 0
    for (sha256,) in Inspection.objects.filter(product=product).values_list("image_sha256"):
        name = f"{sha256[:2]}/{sha256}.jpg"
        for path, size in ((root / "images" / name, CROP_BYTES), (root / "thumbs" / name, THUMBNAIL_BYTES)):
            writing.create_sparse_file(path, size)
            files += 1
    folder = Left("image_sha256", 2)
    name_of = Concat(Value("images/"), folder, Value("/"), "image_sha256", Value(".jpg"), output_field=CharField())
    Inspection.objects.filter(product=product).update(image_name=name_of)
    return files
