"""Run of the queue bench, from an empty database to its exit status."""

from __future__ import annotations

import os
import time

from django.core.management import call_command
from django.db import connection

from mltasks.vision.benchmarks.printing import print_line, print_verdict
from webapp.benchmarks.queue import claims, pages, plans
from webapp.benchmarks.queue.filling import fill
from webapp.benchmarks.queue.timing import TABLE_HEADER, Timing

SINGLE_ROUNDS, REST_ROUNDS, PARALLEL_ROUNDS = 300, 100, 30


def run(inspections: int, waiting: int, reviewers: int, *, durable: bool) -> int:
    """Fill, measure and print; return 0 if all limits hold, else 1."""
    call_command("migrate", verbosity=0)
    begun = time.monotonic()

    def say(text: str) -> None:
        print_line(f"{time.monotonic() - begun:6.1f} s  {text}")

    line = fill(inspections, waiting, reviewers, say)
    visitor = pages.PageVisitor(line)
    works = [
        claims.time_one_reviewer(line, SINGLE_ROUNDS),
        claims.time_one_client(line, REST_ROUNDS),
        claims.time_reviewers_at_once(line, PARALLEL_ROUNDS),
    ]
    parts = [part for work in works for part in work.parts]
    say(f"{len(parts)} parts claimed and reviewed")
    timings = [timing for work in works for timing in (work.claims, work.verdicts)]
    timings += pages.time_all_pages(visitor, say)
    if scans := plans.sequential_scans(lambda: claims.time_one_reviewer(line, 1)):
        visitor.sequential_scans["a claim and a verdict"] = scans
    print_line(f"\n{inspections:,} inspections, {waiting:,} waiting, {reviewers} reviewers")
    _print_table(timings, durable)
    return _exit_status(timings, visitor.sequential_scans, parts)


def _print_table(timings: list[Timing], durable: bool) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))")
        version, size = cursor.fetchone()
    print_line(f"PostgreSQL {version}, {size}, commits {'synced' if durable else 'not synced'}")
    print_line(f"{os.cpu_count()} cores, load {load}\n")
    print_line(TABLE_HEADER)
    for timing in timings:
        print_line(timing.table_row())
    print_line("")


def _exit_status(timings: list[Timing], scans: dict[str, list[str]], parts: list[object]) -> int:
    faults = [
        f"{timing.name}: p95 {timing.percentile(95):.0f} ms, not under {timing.limit:.0f}"
        for timing in timings
        if not timing.within_limit
    ]
    faults += [f"{page} reads all inspections: {sql[:300]}" for page, queries in scans.items() for sql in queries]
    if len(set(parts)) != len(parts):
        faults.append("a part was reviewed twice")
    limits = [f"{timing.name} p95 {timing.percentile(95):.1f} ms" for timing in timings if timing.limit is not None]
    return print_verdict(faults, f"{'; '.join(limits)}; {len(scans) or 'no'} pages read all inspections")
