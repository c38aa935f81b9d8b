"""Measurement of one load on one server: rates, latencies, memory, and processor time a part."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

import psutil

from mltasks.vision.serving.processor import processor_id
from webapp.benchmarks.serving.load import Load, post_images
from webapp.benchmarks.serving.processes import PeakMemory

# Loads before a measurement, until no part takes this many times the median
WARMUP_SECONDS, MAX_WARMUPS, SETTLED_RATIO = 3.0, 10, 3.0
TABLE_HEADER = f"{'':<21}{'clients':>8}{'parts/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'MB':>9}"


class Server(Protocol):
    """Server that answers posted images."""

    @property
    def name(self) -> str:
        """Return the name in tables."""

    @property
    def url(self) -> str | Sequence[str]:
        """Return the address that parts are posted to, or those of several machines."""

    def headers(self, kind: str) -> dict[str, str]:
        """Return the headers of the camera that sends ``kind``, crops or frames."""

    def web_processes(self) -> list[psutil.Process]:
        """Return the processes that answer."""

    def cpu_seconds(self) -> Mapping[str, float]:
        """Return processor seconds so far by group of processes."""


@dataclass
class LoadResult:
    """One load on one server.

    ``memory`` is the peak of a process in megabytes. ``lost`` is the number of lost parts, ``unanswered`` that of parts
    that were sent again and again without an answer. ``core_ms`` are core-milliseconds a part by group of processes, in
    user and system mode.
    """

    server: str
    kind: str
    load: Load
    memory: float = 0.0
    lost: int | None = None
    unanswered: int = 0
    core_ms: Mapping[str, float] = field(default_factory=dict)

    def table_row(self) -> str:
        """Return one line of the table."""
        load = self.load
        percentiles = "".join(f"{load.percentile(percent):9.0f}" for percent in (50, 95, 99))
        figures = f"{load.rate:9.1f}{percentiles}{self.memory:9.0f}"
        kept = "" if self.lost is None else f"   {len(load.answers)} stored, {self.lost} lost"
        refused = f"   {load.refusals}" if load.refusals else ""
        return f"{self.server:<13}{self.kind:<8}{load.clients:>8}{figures}{kept}{refused}"


def describe_machine() -> str:
    """Return cores, processor with its instruction sets, and memory as one line."""
    return f"{os.cpu_count()} cores of {processor_id()}, {psutil.virtual_memory().total / 2**30:.0f} GB"


def warm_up(server: Server, kind: str, images: Sequence[Path], clients: int) -> None:
    """Post until every process has loaded the version, which delays its first part by seconds."""
    for _ in range(MAX_WARMUPS):
        load = post_images(server.url, images, clients, WARMUP_SECONDS, server.headers(kind))
        if load.latencies_ms and max(load.latencies_ms) <= SETTLED_RATIO * load.percentile(50):
            return


def measure(server: Server, kind: str, images: Sequence[Path], clients: int, seconds: float) -> LoadResult:
    """Post images to a server that is otherwise idle, and measure."""
    before = server.cpu_seconds()
    with PeakMemory(server.web_processes) as memory:
        load = post_images(server.url, images, clients, seconds, server.headers(kind))
    after, answered = server.cpu_seconds(), max(1, len(load.answers))
    core_ms = {name: 1000 * (after[name] - before[name]) / answered for name in before}
    return LoadResult(server.name, kind, load, memory.peak, core_ms=core_ms)


def cost_table(results: Sequence[LoadResult]) -> list[str]:
    """Return lines with core-milliseconds a part by group of processes, medians over the rounds.

    The clients' share of a core is what the bench's own process takes from both servers.
    """
    groups = list(dict.fromkeys(name for result in results for name in result.core_ms))
    heads = "".join(f"{name:>12}" for name in [*groups, "all"])
    lines = [f"{'core-milliseconds a part':<40}{heads}{'clients, share of a core':>27}"]
    for (server, kind, clients), rounds in by_load(results).items():
        costs = {name: median(one.core_ms.get(name, 0.0) for one in rounds) for name in groups}
        share = median(one.load.client_seconds / one.load.seconds for one in rounds)
        shown = "".join(f"{cost:12.1f}" for cost in [*costs.values(), sum(costs.values())])
        lines.append(f"{load_name(server, kind, clients):<40}{shown}{share:27.1%}")
    return lines


def step_lines(results: Sequence[LoadResult]) -> list[str]:
    """Return the median milliseconds of each step on the server (`Server-Timing`), a line for each load."""
    lines = []
    for (server, kind, clients), rounds in by_load(results).items():
        taken: dict[str, list[float]] = {}
        for one in rounds:
            for name, times in one.load.steps.items():
                taken.setdefault(name, []).extend(times)
        if taken:
            steps = ", ".join(f"{name} {median(times):.1f}" for name, times in taken.items())
            lines.append(f"{load_name(server, kind, clients)}, median milliseconds: {steps}")
    return lines


def load_name(server: str, kind: str, clients: int) -> str:
    """Return the name of a load in tables."""
    return f"{server}, {kind}, {clients} client{'s' if clients > 1 else ''}"


def by_load(results: Sequence[LoadResult]) -> dict[tuple[str, str, int], list[LoadResult]]:
    """Return the rounds of each load, by server, kind of image and clients."""
    found: dict[tuple[str, str, int], list[LoadResult]] = {}
    for result in results:
        found.setdefault((result.server, result.kind, result.load.clients), []).append(result)
    return found
