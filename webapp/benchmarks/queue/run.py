"""The bench from an empty database to its verdict."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from mltasks.vision.benchmarks.printing import print_verdict, say
from webapp.benchmarks.queue import claims, pages, plans
from webapp.benchmarks.queue.filling import Line, fill
from webapp.benchmarks.queue.timing import HEAD, Timing

ALONE, OVER_REST, TOGETHER = 300, 100, 30


@dataclass(frozen=True)
class Size:
    """How much there is: rows, those of them that wait, and people."""

    inspections: int
    waiting: int
    reviewers: int


def run(size: Size, *, durable: bool) -> int:
    """Fill, measure, print; 0 when everything holds, else 1."""
    call_command("migrate", verbosity=0)
    begun = time.monotonic()
    line = fill(size.inspections, size.waiting, size.reviewers, lambda words: say(f"{_since(begun)}  {words}"))
    timings, visitor = [], pages.Visitor(line)
    works = [
        claims.one_reviewer(line, ALONE),
        claims.one_client(line, OVER_REST),
        claims.reviewers_at_once(line, TOGETHER),
    ]
    say(f"{_since(begun)}  {sum(len(work.parts) for work in works)} parts claimed and judged")
    for work in works:
        timings += [work.claims, work.verdicts]
    timings += pages.all_pages(visitor, lambda words: say(f"{_since(begun)}  {words}"))
    visitor.full_reads |= _reads_of_a_claim(line)
    _print(size, timings, durable)
    return _verdict(timings, visitor.full_reads, [part for work in works for part in work.parts])


def _reads_of_a_claim(line: Line) -> dict[str, list[str]]:
    found = plans.full_reads(lambda: claims.one_reviewer(line, 1))
    return {"a claim and a verdict": found} if found else {}


def _print(size: Size, timings: list[Timing], durable: bool) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))")
        version, held = cursor.fetchone()
    say(f"\n{size.inspections:,} inspections, {size.waiting:,} waiting, {size.reviewers} reviewers")
    say(f"PostgreSQL {version}, {held}, commits {'synced' if durable else 'not synced'}")
    say(f"{os.cpu_count()} cores, load {load}\n")
    say(HEAD)
    for timing in timings:
        say(timing.line())
    say("")


def _verdict(timings: list[Timing], full_reads: dict[str, list[str]], parts: list[object]) -> int:
    wrong = [f"{it.name}: p95 {it.at(95):.0f} ms, not under {it.limit:.0f}" for it in timings if not it.held]
    wrong += [f"{address} reads all inspections: {sql[:300]}" for address, found in full_reads.items() for sql in found]
    if len(set(parts)) != len(parts):
        wrong.append("a part was judged twice")
    limits = "; ".join(f"{it.name} p95 {it.at(95):.1f} ms" for it in timings if it.limit is not None)
    return print_verdict(wrong, f"{limits}; {'no' if not full_reads else len(full_reads)} page reads all parts")


def _since(begun: float) -> str:
    return f"{time.monotonic() - begun:6.1f} s"
