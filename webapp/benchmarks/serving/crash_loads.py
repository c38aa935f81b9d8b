"""Loads in which processes are killed midway: each answered part must be stored with the answered verdict."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mltasks.vision.benchmarks.printing import print_line
from webapp.benchmarks.serving.load import Load, post_images
from webapp.benchmarks.serving.measurement import LoadResult
from webapp.benchmarks.serving.ours import RunningSite

CLIENTS = 4
# Seconds until the sweeper has scored what a crash left: the lease, the sweeper's interval, the score.
RECOVERY_SECONDS, POLL_SECONDS = 180.0, 0.5


def crash_loads(site: RunningSite, images: Sequence[Path], seconds: float) -> Iterator[LoadResult]:
    """Post while all web processes are killed, then while PostgreSQL is stopped; yield both results.

    Clients send each part again, with its idempotency key, until it is answered.
    """

    def kill_web() -> None:
        for process in site.web_processes():
            process.kill()

    for name, crash in (("web killed", kill_web), ("db stopped", site.stop_postgres)):
        print_line(f"{name} after {seconds / 2:.0f} of {seconds:.0f} seconds ...")
        load = _post_with_crash(site, images, seconds, crash)
        yield LoadResult(name, "crops", load, lost=count_lost(load, images), unanswered=load.unanswered)


def _post_with_crash(site: RunningSite, images: Sequence[Path], seconds: float, crash: Callable[[], None]) -> Load:
    timer = threading.Timer(seconds / 2, crash)
    timer.start()
    load = post_images(site.url, images, CLIENTS, seconds, site.headers("crops"), resend=True)
    timer.join()
    return load


def count_lost(load: Load, images: Sequence[Path]) -> int:
    """Count parts that are not kept as answered.

    Kept: in PostgreSQL with the answered verdict once the sweeper had its time, and on disk with the sent bytes.
    """
    from django.db import connection

    from inspection.images import image_files
    from inspection.models import Inspection

    connection.close()  # the server may have ended since
    keys = [str(answer["id"]) for _, answer in load.answers]
    _wait_for_recovery(keys)
    sent = [hashlib.sha256(path.read_bytes()).hexdigest() for path in images]
    by_id = {str(key): row for key, row in Inspection.objects.in_bulk(keys).items()}
    on_disk = dict[str, str]()

    def is_kept(number: int, answer: Mapping[str, object]) -> bool:
        row = by_id.get(str(answer["id"]))
        if row is None or row.image_sha256 != sent[number] or row.verdict != answer["verdict"]:
            return False
        if row.image_name not in on_disk:
            with image_files.open_image(row) as stored:
                on_disk[row.image_name] = hashlib.sha256(stored.read()).hexdigest()
        return on_disk[row.image_name] == sent[number]

    return sum(not is_kept(number, answer) for number, answer in load.answers)


def _wait_for_recovery(keys: Sequence[str]) -> None:
    """Wait until all parts have a verdict, or RECOVERY_SECONDS are over."""
    from inspection.models import Inspection

    begun = time.monotonic()
    while count := Inspection.objects.filter(pk__in=keys).awaiting_score().count():
        if time.monotonic() - begun > RECOVERY_SECONDS:
            print_line(f"{count} answered parts have no verdict after {RECOVERY_SECONDS:.0f} s")
            return
        time.sleep(POLL_SECONDS)
