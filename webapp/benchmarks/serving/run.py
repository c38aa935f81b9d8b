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
from webapp.benchmarks.serving.load import TABLE_HEADER, LoadResult, post_images
from webapp.benchmarks.serving.plot import plot_rates
from webapp.benchmarks.serving.processes import PeakMemory, running_process
from webapp.benchmarks.serving.soak import MAX_SLOPE_MB_PER_HOUR, Soak, run_soak
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
    soaked: Soak | None = None
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
            soaked = _run_soak(site, rows, kinds["crops"], 60 * soak)
        limit = measure_limit(site.graph_path())
    if plot is not None:
        plot_rates(plot, rows)
    return _exit_status(rows, limit, soaked)


def _run_soak(site: ours.RunningSite, rows: Sequence[LoadResult], paths: Sequence[Path], seconds: float) -> Soak:
    """Run the soak at the server's capacity, its rate with 16 cameras."""
    capacity = next(row.load.rate for row in rows if (row.server, row.kind, row.load.clients) == CAPACITY_LOAD)
    print_line(f"soak: {seconds / 60:.0f} minutes ...")
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
    application = ("-m", "uvicorn", "webapp.benchmarks.serving.peer_app:app")
    arguments = (*application, "--port", str(port), "--log-level", "warning")
    address = f"http://127.0.0.1:{port}"
    with running_process(arguments, folder / "peer.log", f"{address}/healthz", {}) as process:
        yield f"{address}/predict", process


def _exit_status(rows: list[LoadResult], limit: ProcessorLimit, soak: Soak | None) -> int:
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
    return print_verdict([*_rate_failures(rows), *_resource_failures(rows, limit, soak)])


def _rate_failures(rows: Sequence[LoadResult]) -> Iterator[str]:
    """Yield rates and latencies that miss their targets relative to the peer's."""
    loads = {(row.server, row.kind, row.load.clients): row.load for row in rows}
    for kind, minimum in MIN_RATE_RATIOS.items():
        for clients in CLIENTS:
            product, peer = loads["Second Look", kind, clients], loads["peer", kind, clients]
            ratio = product.rate / peer.rate if peer.rate else float("inf")
            title = f"{kind}, {clients} clients"
            print_line(f"{title}: {ratio:.2f} times the peer's rate")
            if clients > 1 and ratio < minimum:
                yield f"{title}: {ratio:.2f} times the peer's rate, not {minimum:.0f}"
            p95, peer_p50 = product.percentile(95), peer.percentile(50)
            if kind == "crops" and clients > 1 and p95 > peer_p50:
                yield f"{title}: p95 {p95:.0f} ms, above the peer's p50 of {peer_p50:.0f} ms"


def _resource_failures(rows: Sequence[LoadResult], limit: ProcessorLimit, soak: Soak | None) -> Iterator[str]:
    """Yield lost parts, slow inference, high memory, and errors and growth of the soak."""
    for row in rows:
        if row.lost:
            yield f"{row.server}, {row.kind}, {row.load.clients} clients: {row.lost} parts lost"
    print_line(f"inference alone: {limit.describe()}")
    if limit.ratio > MAX_LIMIT_RATIO:
        yield f"inference takes {limit.ratio:.2f} times the processor's limit, not {MAX_LIMIT_RATIO}"
    if soak is not None:
        print_line(soak.summary())
        if soak.error_count or soak.slope > MAX_SLOPE_MB_PER_HOUR:
            yield f"soak: {soak.error_count} errors, {soak.slope:+.1f} MB an hour"
    peak = max(row.memory for row in rows if row.server == "Second Look")
    if peak >= MAX_MEMORY_MB:
        yield f"a web process took {peak:.0f} MB, not under {MAX_MEMORY_MB:.0f}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
