"""The bench of growth from an empty database to its table."""

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
from labeling.history.retention import Aim, prune
from mltasks.vision.benchmarks.printing import say
from webapp.benchmarks.growth import sizes, writing
from webapp.benchmarks.growth.satellites import hang_on
from webapp.benchmarks.queue.filling import fill
from webapp.benchmarks.queue.rows import DAYS

CONNECTIONS = (1, 8)
CROP_BYTES, THUMBNAIL_BYTES = 43_000, 6_500


def run(inspections: int, seconds: int) -> None:
    """Fill, weigh, write, remove; print."""
    call_command("migrate", verbosity=0)
    line = fill(inspections, max(2000, inspections // 20), 10, say)
    hang_on()
    _weigh(inspections)
    for connections in CONNECTIONS:
        it = writing.rate(connections, seconds)
        say(
            f"{it.connections} connections: {it.parts:.0f} parts/s, {it.ms:.1f} ms a part, {it.own:.0%} of it Python, "
            f"{it.wal:,.0f} bytes of WAL; load {os.getloadavg()[0]:.1f}"
        )
    _remove(line.product, "rows alone", DAYS * 3 // 4)
    other = Product.objects.exclude(pk=line.product.pk).get()
    say(f"{_draw_files(other):,} files drawn")
    _remove(other, "with their images", 1)
    with connection.cursor() as cursor:
        begun = time.monotonic()
        cursor.execute("VACUUM inspection_inspection")
        say(f"VACUUM of the inspections: {time.monotonic() - begun:.1f} s")
    _weigh(Inspection.objects.count())


def _weigh(inspections: int) -> None:
    found = sizes.tables()
    say(f"\n{inspections:,} parts; bytes a part\n{'table':<30}{'rows':>10}{'table':>8}{'indexes':>9}{'all':>8}")
    for it in found:
        own, indexes, total = (value / inspections for value in (it.own, it.indexes, it.total))
        say(f"{it.name:<30}{it.rows:>10,}{own:>8.0f}{indexes:>9.0f}{total:>8.0f}")
    say(f"{'all':<30}{sum(it.total for it in found) / inspections:>35.0f}")
    for name, size in sizes.indexes()[:12]:
        say(f"  {name:<40}{size / inspections:>8.1f}")
    say("")


def _remove(product: Product, words: str, days: int) -> None:
    before, begun = timezone.now() - timedelta(days=days), time.monotonic()
    batches = list(prune(Aim(product, before)))
    taken, removed = time.monotonic() - begun, sum(batch.removed for batch in batches)
    looked, freed = sum(batch.looked for batch in batches), sum(batch.freed.bytes for batch in batches)
    say(
        f"removed, {words}: {removed:,} of {looked:,} in {taken:.1f} s, {removed / taken:,.0f} a second, "
        f"{freed / 1e6:,.0f} MB of files; load {os.getloadavg()[0]:.1f}"
    )


def _draw_files(product: Product) -> int:
    """Give each part a file and a thumbnail of its own. They take no room: only names are removed."""
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
