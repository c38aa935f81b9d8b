"""Both servers in turn, and what came of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from mltasks.vision.benchmarks.printing import print_verdict, say
from mltasks.vision.benchmarks.serving_speed.processor_limit import Limit, limit_of
from webapp.benchmarks.serving import ours, parts
from webapp.benchmarks.serving.load import post
from webapp.benchmarks.serving.plot import draw
from webapp.benchmarks.serving.processes import Memory, python, running
from webapp.benchmarks.serving.results import HEAD, Row
from webapp.benchmarks.serving.soak import FLAT, Soak
from webapp.benchmarks.serving.soak import soak as run_soak
from webapp.supervisor.valkey import free_port

CLIENTS = (1, 4, 16)
WARM = 3.0
# What is aimed at: the peer's rate so many times, by kind of image.
WANTED = {"crops": 4.0, "frames": 8.0}
MOST_MEMORY, MOST_OVER_LIMIT = 600.0, 1.5
OURS_AT_MOST = ("Second Look", "crops", 16)


def run(folder: Path, seconds: float, images: Path | None, *, soak: float = 0.0, plot: Path | None = None) -> int:
    """Measure, print, and say whether it is enough: 0, else 1. ``soak`` is in minutes, ``plot`` a file to draw."""
    kinds = {
        "crops": sorted(images.glob("*.jpg")) if images else parts.crops(folder / "crops"),
        "frames": parts.frames(folder / "frames"),
    }
    rows: list[Row] = []
    long: Soak | None = None
    with ours.site(folder / "ours", say) as site, _peer(folder) as (url, process):
        for kind, paths in kinds.items():
            headers = site.headers(kind)
            post(site.url, paths, 4, WARM, headers)
            post(url, paths, 4, WARM, {})
            for clients in CLIENTS:
                # One right after the other, while the other rests: what else the machine does falls on both.
                with Memory(site.web_processes) as memory:
                    load = post(site.url, paths, clients, seconds, headers)
                rows.append(_told(Row("Second Look", kind, load, memory.peak, ours.lost(load, paths))))
                with Memory(lambda: [process]) as memory:
                    load = post(url, paths, clients, seconds, {})
                rows.append(_told(Row("peer", kind, load, memory.peak)))
        rows.append(_told(_killed(site, kinds["crops"], seconds)))
        if soak:
            long = _soaked(site, rows, kinds["crops"], 60 * soak)
        near = limit_of(site.graph())
    if plot is not None:
        draw(plot, rows)
    return _verdict(rows, near, long)


def _soaked(site: ours.Ours, rows: Sequence[Row], paths: Sequence[Path], seconds: float) -> Soak:
    """What the server did with 16 cameras is its capacity."""
    capacity = next(row.load.rate for row in rows if (row.server, row.kind, row.load.clients) == OURS_AT_MOST)
    say(f"soaking for {seconds / 60:.0f} minutes ...")
    return run_soak(site.url, paths, seconds, capacity, site.headers("crops"), site.web_processes)


def _told(row: Row) -> Row:
    say(row.line())
    return row


def _killed(site: ours.Ours, paths: Sequence[Path], seconds: float) -> Row:
    """Cameras go on while every web process is killed in the middle: what was answered is kept all the same."""

    def kill() -> None:
        time.sleep(seconds / 2)
        for process in site.web_processes():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    load = post(site.url, paths, 4, seconds, site.headers("crops"))
    killer.join()
    return Row("web killed", "crops", load, 0.0, ours.lost(load, paths))


@contextmanager
def _peer(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = python(
        "-m", "uvicorn", "webapp.benchmarks.serving.peer_app:app", "--port", str(port), "--log-level", "warning"
    )
    address = f"http://127.0.0.1:{port}"
    with running(command, folder / "peer.log", f"{address}/healthz", {}) as process:
        yield f"{address}/predict", process


def _verdict(rows: list[Row], near: Limit, long: Soak | None) -> int:
    say(f"\n{os.cpu_count()} cores of {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GB\n\n{HEAD}")
    for row in rows:
        say(row.line())
    say("")
    for row in rows:
        if row.load.steps and row.load.clients == 1:
            spent = ", ".join(f"{name} {np.median(times):.0f}" for name, times in row.load.steps.items())
            say(f"{row.kind}, 1 client, median milliseconds on the server: {spent}")
    return print_verdict([*_slow(rows), *_costly(rows, near, long)])


def _slow(rows: Sequence[Row]) -> Iterator[str]:
    """What falls short of the peer's rate so many times, and of its time."""
    found = {(row.server, row.kind, row.load.clients): row.load for row in rows}
    for kind, wanted in WANTED.items():
        for clients in CLIENTS:
            mine, peer = found["Second Look", kind, clients], found["peer", kind, clients]
            ratio = mine.rate / peer.rate if peer.rate else float("inf")
            say(f"{kind}, {clients} clients: {ratio:.2f} times the peer's rate")
            if clients > 1 and ratio < wanted:
                yield f"{kind}, {clients} clients: {ratio:.2f} times the peer's rate, not {wanted:.0f}"
            if kind == "crops" and clients > 1 and mine.at(95) > peer.at(50):
                yield f"{kind}, {clients} clients: p95 {mine.at(95):.0f} ms, the peer's p50 is {peer.at(50):.0f}"


def _costly(rows: Sequence[Row], near: Limit, long: Soak | None) -> Iterator[str]:
    """Parts that were lost, time over the machine's limit, memory, and what a long load brought."""
    for row in rows:
        if row.lost:
            yield f"{row.server}, {row.kind}, {row.load.clients}: {row.lost} lost"
    say(f"inference alone: {near.in_words()}")
    if near.ratio > MOST_OVER_LIMIT:
        yield f"inference takes {near.ratio:.2f} times the machine's limit, not {MOST_OVER_LIMIT}"
    if long is not None:
        say(long.line())
        if long.errors or long.slope > FLAT:
            yield f"soak: {long.errors} errors, {long.slope:+.1f} MB an hour"
    most = max(row.memory for row in rows if row.server == "Second Look")
    if most >= MOST_MEMORY:
        yield f"a web process took {most:.0f} MB, not under {MOST_MEMORY:.0f}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
