"""Run of the serving bench: both servers in turn, and the check of the limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from mltasks.vision.benchmarks.printing import print_line, print_verdict
from mltasks.vision.benchmarks.serving_speed.processor_limit import ProcessorLimit, measure_limit
from webapp.benchmarks.serving import ours, parts
from webapp.benchmarks.serving.load import post_images
from webapp.benchmarks.serving.plot import plot_rates
from webapp.benchmarks.serving.processes import PeakMemory, python_command, running_process
from webapp.benchmarks.serving.results import TABLE_HEADER, LoadResult
from webapp.benchmarks.serving.soak import MAX_SLOPE_MB_PER_HOUR, Soak
from webapp.benchmarks.serving.soak import run_soak as run_soak
from webapp.supervisor.valkey import free_port

CLIENTS = (1, 4, 16)
WARMUP_SECONDS = 3.0
# Targets: our rate over the peer's, by kind of image.
MIN_RATE_RATIOS = {"crops": 4.0, "frames": 8.0}
MAX_MEMORY_MB, MAX_LIMIT_RATIO = 600.0, 1.5
CAPACITY_LOAD = ("Second Look", "crops", 16)


def run(folder: Path, seconds: float, images: Path | None, *, soak: float = 0.0, plot: Path | None = None) -> int:
    """Measure and print; return 0 if all limits hold, else 1.

    ``soak`` is in minutes, ``plot`` the path of the chart.
    """
    kinds = {
        "crops": sorted(images.glob("*.jpg")) if images else parts.draw_crops(folder / "crops"),
        "frames": parts.draw_frames(folder / "frames"),
    }
    rows: list[LoadResult] = []
    long: Soak | None = None
    with ours.running_site(folder / "ours", print_line) as site, _peer(folder) as (url, process):
        for kind, paths in kinds.items():
            headers = site.headers(kind)
            post_images(site.url, paths, 4, WARMUP_SECONDS, headers)
            post_images(url, paths, 4, WARMUP_SECONDS, {})
            for clients in CLIENTS:
                # One server right after the other, while the other idles: other load on the machine affects both.
                with PeakMemory(site.web_processes) as memory:
                    load = post_images(site.url, paths, clients, seconds, headers)
                rows.append(
                    _print_row(LoadResult("Second Look", kind, load, memory.peak, ours.count_lost(load, paths)))
                )
                with PeakMemory(lambda: [process]) as memory:
                    load = post_images(url, paths, clients, seconds, {})
                rows.append(_print_row(LoadResult("peer", kind, load, memory.peak)))
        rows.append(_print_row(_load_with_kill(site, kinds["crops"], seconds)))
        if soak:
            long = _run_soak(site, rows, kinds["crops"], 60 * soak)
        near = measure_limit(site.graph_path())
    if plot is not None:
        plot_rates(plot, rows)
    return _exit_status(rows, near, long)


def _run_soak(site: ours.RunningSite, rows: Sequence[LoadResult], paths: Sequence[Path], seconds: float) -> Soak:
    """Run the soak at the server's capacity, its rate with 16 cameras."""
    capacity = next(row.load.rate for row in rows if (row.server, row.kind, row.load.clients) == CAPACITY_LOAD)
    print_line(f"soaking for {seconds / 60:.0f} minutes ...")
    return run_soak(site.url, paths, seconds, capacity, site.headers("crops"), site.web_processes)


def _print_row(row: LoadResult) -> LoadResult:
    print_line(row.table_row())
    return row


def _load_with_kill(site: ours.RunningSite, paths: Sequence[Path], seconds: float) -> LoadResult:
    """Kill every web process midway while cameras post, and count lost parts."""

    def kill() -> None:
        time.sleep(seconds / 2)
        for process in site.web_processes():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    load = post_images(site.url, paths, 4, seconds, site.headers("crops"))
    killer.join()
    return LoadResult("web killed", "crops", load, 0.0, ours.count_lost(load, paths))


@contextmanager
def _peer(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = python_command(
        "-m", "uvicorn", "webapp.benchmarks.serving.peer_app:app", "--port", str(port), "--log-level", "warning"
    )
    address = f"http://127.0.0.1:{port}"
    with running_process(command, folder / "peer.log", f"{address}/healthz", {}) as process:
        yield f"{address}/predict", process


def _exit_status(rows: list[LoadResult], near: ProcessorLimit, long: Soak | None) -> int:
    print_line(
        f"\n{os.cpu_count()} cores of {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GB\n\n{TABLE_HEADER}"
    )
    for row in rows:
        print_line(row.table_row())
    print_line("")
    for row in rows:
        if row.load.steps and row.load.clients == 1:
            spent = ", ".join(f"{name} {np.median(times):.0f}" for name, times in row.load.steps.items())
            print_line(f"{row.kind}, 1 client, median milliseconds on the server: {spent}")
    return print_verdict([*_rate_failures(rows), *_resource_failures(rows, near, long)])


def _rate_failures(rows: Sequence[LoadResult]) -> Iterator[str]:
    """Yield rates and latencies that miss their targets relative to the peer's."""
    found = {(row.server, row.kind, row.load.clients): row.load for row in rows}
    for kind, wanted in MIN_RATE_RATIOS.items():
        for clients in CLIENTS:
            mine, peer = found["Second Look", kind, clients], found["peer", kind, clients]
            ratio = mine.rate / peer.rate if peer.rate else float("inf")
            print_line(f"{kind}, {clients} clients: {ratio:.2f} times the peer's rate")
            if clients > 1 and ratio < wanted:
                yield f"{kind}, {clients} clients: {ratio:.2f} times the peer's rate, not {wanted:.0f}"
            if kind == "crops" and clients > 1 and mine.percentile(95) > peer.percentile(50):
                ours, theirs = mine.percentile(95), peer.percentile(50)
                yield f"{kind}, {clients} clients: p95 {ours:.0f} ms, the peer's p50 is {theirs:.0f}"


def _resource_failures(rows: Sequence[LoadResult], near: ProcessorLimit, long: Soak | None) -> Iterator[str]:
    """Yield lost parts, slow inference, high memory, and errors and growth of the soak."""
    for row in rows:
        if row.lost:
            yield f"{row.server}, {row.kind}, {row.load.clients}: {row.lost} lost"
    print_line(f"inference alone: {near.describe()}")
    if near.ratio > MAX_LIMIT_RATIO:
        yield f"inference takes {near.ratio:.2f} times the machine's limit, not {MAX_LIMIT_RATIO}"
    if long is not None:
        print_line(long.summary())
        if long.error_count or long.slope > MAX_SLOPE_MB_PER_HOUR:
            yield f"soak: {long.error_count} errors, {long.slope:+.1f} MB an hour"
    most = max(row.memory for row in rows if row.server == "Second Look")
    if most >= MAX_MEMORY_MB:
        yield f"a web process took {most:.0f} MB, not under {MAX_MEMORY_MB:.0f}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
