"""Run of the growth bench, from an empty database to the printed tables."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import CharField, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone

from inspection.models import Inspection, Product
from labeling.history.retention import RetentionScope, prune
from mltasks.vision.benchmarks.printing import print_line
from webapp.benchmarks.growth import sizes, writing
from webapp.benchmarks.growth.satellites import add_satellite_rows
from webapp.benchmarks.queue.filling import fill
from webapp.benchmarks.queue.rows import DAYS

CONNECTIONS = (1, 8)
CROP_BYTES, THUMBNAIL_BYTES = 43_000, 6_500


def run(inspections: int, seconds: int) -> None:
    """Fill the database; measure sizes, writes and removals, and print."""
    call_command("migrate", verbosity=0)
    line = fill(inspections, max(2000, inspections // 20), 10, print_line)
    add_satellite_rows()
    _print_sizes(inspections)
    for connections in CONNECTIONS:
        it = writing.measure_rate(connections, seconds)
        print_line(
            f"{it.connections} connections: {it.parts_per_second:.0f} parts/s, {it.milliseconds:.1f} ms a "
            f"part, {it.cpu_share:.0%} of it Python, "
            f"{it.wal_bytes:,.0f} bytes of WAL; load {os.getloadavg()[0]:.1f}"
        )
    _time_removal(line.product, "rows alone", DAYS * 3 // 4)
    other = Product.objects.exclude(pk=line.product.pk).get()
    print_line(f"{_create_files(other):,} files drawn")
    _time_removal(other, "with their images", 1)
    with connection.cursor() as cursor:
        begun = time.monotonic()
        cursor.execute("VACUUM inspection_inspection")
        print_line(f"VACUUM of the inspections: {time.monotonic() - begun:.1f} s")
    _print_sizes(Inspection.objects.count())


def _print_sizes(inspections: int) -> None:
    found = sizes.table_sizes()
    print_line(f"\n{inspections:,} parts; bytes a part\n{'table':<30}{'rows':>10}{'table':>8}{'indexes':>9}{'all':>8}")
    for it in found:
        own, indexes, total = (value / inspections for value in (it.table_bytes, it.index_bytes, it.total_bytes))
        print_line(f"{it.name:<30}{it.row_count:>10,}{own:>8.0f}{indexes:>9.0f}{total:>8.0f}")
    print_line(f"{'all':<30}{sum(it.total_bytes for it in found) / inspections:>35.0f}")
    for name, size in sizes.index_sizes()[:12]:
        print_line(f"  {name:<40}{size / inspections:>8.1f}")
    print_line("")


def _time_removal(product: Product, text: str, days: int) -> None:
    before, begun = timezone.now() - timedelta(days=days), time.monotonic()
    batches = list(prune(RetentionScope(product, before)))
    taken, removed = time.monotonic() - begun, sum(batch.parts_removed for batch in batches)
    looked, freed = sum(batch.parts_examined for batch in batches), sum(batch.freed.bytes for batch in batches)
    print_line(
        f"removed, {text}: {removed:,} of {looked:,} in {taken:.1f} s, {removed / taken:,.0f} a second, "
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
