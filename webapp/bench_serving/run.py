"""Both servers in turn, and what came of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from webapp.bench_serving import ours, parts
from webapp.bench_serving.load import Load, post
from webapp.bench_serving.processes import Memory, python, running
from webapp.embedded.valkey import free_port

CLIENTS = (1, 4, 16)
WARM = 3.0
# What is aimed at: the peer's rate so many times, by kind of image.
WANTED = {"crops": 4.0, "frames": 8.0}
MOST_MEMORY = 600.0


@dataclass
class Row:
    """One load on one server."""

    server: str
    kind: str
    load: Load
    memory: float
    lost: int | None = None

    def line(self) -> str:
        """One line of the table."""
        load = self.load
        figures = f"{load.rate:9.1f}{load.at(50):9.0f}{load.at(95):9.0f}{load.at(99):9.0f}{self.memory:9.0f}"
        refused = {name: number for name, number in load.statuses.items() if name not in ("200", "201")}
        kept = "" if self.lost is None else f"   {len(load.answers)} kept, {self.lost} lost"
        return f"{self.server:<13}{self.kind:<8}{load.clients:>8}{figures}{kept}{f'   {refused}' if refused else ''}"


HEAD = f"{'':<21}{'clients':>8}{'parts/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'MB':>9}"


def run(folder: Path, seconds: float, images: Path | None) -> int:
    """Measure, print, and say whether it is enough: 0, else 1."""
    kinds = {
        "crops": sorted(images.glob("*.jpg")) if images else parts.crops(folder / "crops"),
        "frames": parts.frames(folder / "frames"),
    }
    rows: list[Row] = []
    with ours.site(folder / "ours", say) as site, _peer(folder) as (url, process):
        for kind, paths in kinds.items():
            headers = {"Authorization": f"Api-Key {site.keys[kind]}"}
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
    return _verdict(rows)


def say(words: str) -> None:
    """A line for whoever waits."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _told(row: Row) -> Row:
    say(row.line())
    return row


def _killed(site: ours.Ours, paths: Sequence[Path], seconds: float) -> Row:
    """Cameras go on while every web process is killed in the middle: what was answered is kept all the same."""

    def kill() -> None:
        time.sleep(seconds / 2)
        for process in site.web_processes():
            process.kill()

    headers = {"Authorization": f"Api-Key {site.keys['crops']}"}
    killer = threading.Thread(target=kill)
    killer.start()
    load = post(site.url, paths, 4, seconds, headers)
    killer.join()
    return Row("web killed", "crops", load, 0.0, ours.lost(load, paths))


@contextmanager
def _peer(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = python(
        "-m", "uvicorn", "webapp.bench_serving.peer_app:app", "--port", str(port), "--log-level", "warning"
    )
    address = f"http://127.0.0.1:{port}"
    with running(command, folder / "peer.log", f"{address}/healthz", {}) as process:
        yield f"{address}/predict", process


def _verdict(rows: list[Row]) -> int:
    found = {(row.server, row.kind, row.load.clients): row for row in rows}
    wrong = [f"{row.server}, {row.kind}, {row.load.clients}: {row.lost} lost" for row in rows if row.lost]
    say(f"\n{os.cpu_count()} cores of {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GB\n\n{HEAD}")
    for row in rows:
        say(row.line())
    say("")
    for row in rows:
        if row.load.steps and row.load.clients == 1:
            spent = ", ".join(f"{name} {np.median(times):.0f}" for name, times in row.load.steps.items())
            say(f"{row.kind}, 1 client, median milliseconds on the server: {spent}")
    for kind, wanted in WANTED.items():
        for clients in CLIENTS:
            mine, peer = found["Second Look", kind, clients], found["peer", kind, clients]
            ratio = mine.load.rate / peer.load.rate if peer.load.rate else float("inf")
            say(f"{kind}, {clients} clients: {ratio:.2f} times the peer's rate")
            if clients > 1 and ratio < wanted:
                wrong.append(f"{kind}, {clients} clients: {ratio:.2f} times the peer's rate, not {wanted:.0f}")
            if kind == "crops" and clients > 1 and mine.load.at(95) > peer.load.at(50):
                wrong.append(f"{kind}, {clients} clients: p95 {mine.load.at(95):.0f} ms, the peer's p50 is less")
    most = max(row.memory for row in rows if row.server == "Second Look")
    if most >= MOST_MEMORY:
        wrong.append(f"a web process took {most:.0f} MB, not under {MOST_MEMORY:.0f}")
    for words in wrong:
        say(f"WRONG  {words}")
    say("FAIL" if wrong else "PASS")
    return int(bool(wrong))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
