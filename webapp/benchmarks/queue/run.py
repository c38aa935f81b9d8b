"""Run of the queue bench, from an empty database to its exit status."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from mltasks.vision.benchmarks.printing import print_line, print_verdict
from webapp.benchmarks.queue import claims, pages, plans
from webapp.benchmarks.queue.filling import BenchData, fill
from webapp.benchmarks.queue.timing import TABLE_HEADER, Timing

SINGLE_ROUNDS, REST_ROUNDS, PARALLEL_ROUNDS = 300, 100, 30


@dataclass(frozen=True)
class BenchSize:
    """Number of inspections, of waiting parts and of reviewers."""

    inspections: int
    waiting: int
    reviewers: int


def run(size: BenchSize, *, durable: bool) -> int:
    """Fill, measure and print; return 0 if all limits hold, else 1."""
    call_command("migrate", verbosity=0)
    begun = time.monotonic()
    line = fill(
        size.inspections, size.waiting, size.reviewers, lambda words: print_line(f"{_elapsed_text(begun)}  {words}")
    )
    timings, visitor = [], pages.PageVisitor(line)
    works = [
        claims.time_one_reviewer(line, SINGLE_ROUNDS),
        claims.time_one_client(line, REST_ROUNDS),
        claims.time_reviewers_at_once(line, PARALLEL_ROUNDS),
    ]
    print_line(f"{_elapsed_text(begun)}  {sum(len(work.parts) for work in works)} parts claimed and judged")
    for work in works:
        timings += [work.claims, work.verdicts]
    timings += pages.time_all_pages(visitor, lambda words: print_line(f"{_elapsed_text(begun)}  {words}"))
    visitor.sequential_scans |= _claim_scans(line)
    _print_table(size, timings, durable)
    return _exit_status(timings, visitor.sequential_scans, [part for work in works for part in work.parts])


def _claim_scans(line: BenchData) -> dict[str, list[str]]:
    found = plans.sequential_scans(lambda: claims.time_one_reviewer(line, 1))
    return {"a claim and a verdict": found} if found else {}


def _print_table(size: BenchSize, timings: list[Timing], durable: bool) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))")
        version, held = cursor.fetchone()
    print_line(f"\n{size.inspections:,} inspections, {size.waiting:,} waiting, {size.reviewers} reviewers")
    print_line(f"PostgreSQL {version}, {held}, commits {'synced' if durable else 'not synced'}")
    print_line(f"{os.cpu_count()} cores, load {load}\n")
    print_line(TABLE_HEADER)
    for timing in timings:
        print_line(timing.table_row())
    print_line("")


def _exit_status(timings: list[Timing], full_reads: dict[str, list[str]], parts: list[object]) -> int:
    wrong = [
        f"{it.name}: p95 {it.percentile(95):.0f} ms, not under {it.limit:.0f}" for it in timings if not it.within_limit
    ]
    wrong += [f"{address} reads all inspections: {sql[:300]}" for address, found in full_reads.items() for sql in found]
    if len(set(parts)) != len(parts):
        wrong.append("a part was judged twice")
    limits = "; ".join(f"{it.name} p95 {it.percentile(95):.1f} ms" for it in timings if it.limit is not None)
    return print_verdict(wrong, f"{limits}; {'no' if not full_reads else len(full_reads)} page reads all parts")


def _elapsed_text(begun: float) -> str:
    return f"{time.monotonic() - begun:6.1f} s"
