"""Writing of parts by the statements of intake and scoring: row, verdict, maps, embedding.

No image is decoded, stored or scored: the bench measures PostgreSQL, the disk under its log, and the ORM.
"""

from __future__ import annotations

import io
import secrets
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import django
import numpy as np
from django.conf import settings
from django.db import connection

from inspection.images.image_files import StoredImage
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Station
from inspection.products.routing import Decision
from inspection.scoring import scoring, scoring_lease
from inspection.scoring.scoring import ScoringOutcome
from mltasks.models import ModelVersion
from mltasks.vision.data.image_header import ImageHeader
from mltasks.vision.types import EMBEDDING_DIMENSIONS, Scores
from webapp.benchmarks.growth.satellites import MAP_BYTES

HEADER = ImageHeader("JPEG", 360, 665)
IMAGE_BYTES = 43_000


@dataclass(frozen=True)
class WriteRate:
    """Parts a second written over a number of connections, two transactions each.

    ``milliseconds`` and ``wal_bytes`` (PostgreSQL's log) are per part. ``cpu_share`` is the share of that time
    computed in Python.
    """

    connections: int
    parts_per_second: float
    milliseconds: float
    wal_bytes: float
    cpu_share: float

    def __str__(self) -> str:
        return (
            f"{self.connections} connections: {self.parts_per_second:.0f} parts/s, {self.milliseconds:.1f} ms a part, "
            f"{self.cpu_share:.0%} of it Python, {self.wal_bytes:,.0f} bytes of WAL"
        )


def measure_rate(connections: int, seconds: int) -> WriteRate:
    """Write parts for ``seconds`` seconds from as many processes as connections."""
    before = _wal_position()
    with ProcessPoolExecutor(connections, mp_context=get_context("spawn"), initializer=django.setup) as pool:
        runs = list(pool.map(_write_for, [seconds] * connections))
    counts, elapsed, computed = zip(*runs, strict=True)
    return WriteRate(
        connections,
        parts_per_second=sum(count / taken for count, taken, _ in runs),
        milliseconds=1000 * sum(elapsed) / sum(counts),
        wal_bytes=(_wal_position() - before) / sum(counts),
        cpu_share=sum(computed) / sum(elapsed),
    )


def _write_for(seconds: int) -> tuple[int, float, float]:
    station = Station.objects.select_related("product__registered_model").order_by("pk")[0]
    version = ModelVersion.objects.filter(model=station.product.registered_model).get()
    for _ in range(20):
        _write_part(station, version)
    begun, working, number = time.perf_counter(), time.thread_time(), 0
    while time.perf_counter() - begun < seconds:
        _write_part(station, version)
        number += 1
    taken = time.perf_counter() - begun
    connection.close()
    return number, taken, time.thread_time() - working


def _write_part(station: Station, version: ModelVersion) -> None:
    sha256 = secrets.token_hex(32)
    stored = StoredImage(f"images/{sha256[:2]}/{sha256}.jpg", sha256, IMAGE_BYTES)
    create_sparse_file(Path(settings.MEDIA_ROOT) / stored.name, IMAGE_BYTES)  # intake checks that the file exists
    submission = Submission(
        io.BytesIO(),
        station.product,
        station,
        filename="part.jpg",
        part_id=f"P-{sha256[:8]}",
        idempotency_key=sha256[:16],
    )
    row = intake.insert_part(submission, stored, HEADER, **scoring_lease.first_lease_fields())
    scores = Scores(0.01, 0.001, 0.002, 0.17, novel_defect_suspected=False, novelty=0.4)
    point = np.random.default_rng(int(sha256[:8], 16)).normal(size=EMBEDDING_DIMENSIONS).astype(np.float32)
    maps = secrets.token_bytes(MAP_BYTES)
    outcome = ScoringOutcome(Decision("PASS", "PASS"), version, scores, maps, point, "0" * 64)
    scoring.write_verdict(row, outcome, None)


def create_sparse_file(path: Path, size: int) -> None:
    """Create a file of ``size`` bytes that takes no disk space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def _wal_position() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return int(cursor.fetchone()[0])
