"""Run of the serving bench: both servers in turn, several rounds, and the check of the limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from mltasks.vision.benchmarks.printing import print_line
from mltasks.vision.benchmarks.serving_speed.processor_limit import measure_limit
from mltasks.vision.serving.processor import has_fast_int8
from webapp.benchmarks.serving import fast_path, limits, ours, parts
from webapp.benchmarks.serving.crash_loads import count_lost, crash_loads
from webapp.benchmarks.serving.measurement import (
    TABLE_HEADER,
    LoadResult,
    by_load,
    cost_table,
    describe_machine,
    measure,
    step_lines,
    warm_up,
)
from webapp.benchmarks.serving.plot import plot_rates
from webapp.benchmarks.serving.processes import cpu_seconds, running_process, with_children
from webapp.benchmarks.serving.soak import Soak, run_soak
from webapp.supervisor.valkey import free_port

CLIENTS = (1, 4, 16)
WARMUP_CLIENTS = 4
CAPACITY_LOAD = ("Second Look", "crops", 16)
Images = dict[str, list[Path]]


@dataclass(frozen=True)
class RunningPeer:
    """Address and process of the peer, which asks for no key."""

    url: str
    process: psutil.Process
    name = "peer"

    def headers(self, _kind: str) -> dict[str, str]:
        """Return no headers."""
        return {}

    def web_processes(self) -> list[psutil.Process]:
        """Return the process."""
        return [self.process]

    def cpu_seconds(self) -> dict[str, float]:
        """Return processor seconds so far."""
        return {ours.WEB: cpu_seconds(with_children(self.process))}


@dataclass(frozen=True, slots=True)
class Loads:
    """Seconds of each load, rounds, folder of crops to post (None: drawn ones), and minutes of the soak."""

    seconds: float
    rounds: int = 1
    images: Path | None = None
    soak: float = 0.0


def run(folder: Path, site_folder: Path, loads: Loads, plot: Path | None = None) -> int:
    """Measure and print; return 0 if all limits hold, else 1.

    The site in ``site_folder`` may be of an earlier run. ``plot`` is the path of the chart.
    """
    print_line(describe_machine())
    print_line("drawing the line's parts ...")
    images = loads.images
    kinds = {
        "crops": sorted(images.glob("*.jpg")) if images else parts.draw_crops(folder / "crops"),
        "frames": parts.draw_frames(folder / "frames"),
    }
    soaked: Soak | None = None
    with ours.running_site(site_folder, print_line) as site, _running_peer(folder) as peer:
        print_line(site.describe_version())
        fast_path.prepare(print_line)
        results = compare(site, peer, kinds, loads)
        with fast_path.switched_on(site):
            for result in crash_loads(site, kinds["crops"], loads.seconds):
                print_line(result.table_row())
                results.append(result)
        if loads.soak:
            soaked = _run_soak(site, results, kinds["crops"], 60 * loads.soak)
        limit = measure_limit(*site.graph())
    if plot is not None:
        plot_rates(plot, results)
    _print_tables(results)
    return limits.print_checks(
        [
            *limits.rate_checks(results, site.name, fast_int8=has_fast_int8()),
            *limits.rate_checks(results, fast_path.NAME, fast_int8=has_fast_int8()),
            *limits.loss_checks(results),
            *limits.resource_checks(results, limit, soaked),
        ]
    )


def compare(site: ours.RunningSite, peer: RunningPeer, kinds: Images, loads: Loads) -> list[LoadResult]:
    """Measure both servers with all kinds of images and numbers of clients, in each round; print each load."""
    for kind, paths in kinds.items():
        for server in (site, peer):
            warm_up(server, kind, paths, WARMUP_CLIENTS)
    results: list[LoadResult] = []
    for number in range(1, loads.rounds + 1):
        print_line(f"round {number} of {loads.rounds}\n{TABLE_HEADER}")
        for kind, paths in kinds.items():
            for clients in CLIENTS:
                results += _compare_once(site, peer, kind, paths, clients, loads.seconds)
    return results


def _compare_once(
    site: ours.RunningSite, peer: RunningPeer, kind: str, paths: Sequence[Path], clients: int, seconds: float
) -> Iterator[LoadResult]:
    """Yield one load on ours, without and with the fast path, and right after it on the peer, while the other idles.

    Other load on the machine then affects both alike.
    """
    yield _measure_ours(site, kind, paths, clients, seconds)
    with fast_path.switched_on(site):
        yield _measure_ours(site, kind, paths, clients, seconds)
    yield _print_row(measure(peer, kind, paths, clients, seconds))


def _measure_ours(site: ours.RunningSite, kind: str, paths: Sequence[Path], clients: int, seconds: float) -> LoadResult:
    result = measure(site, kind, paths, clients, seconds)
    return _print_row(replace(result, lost=count_lost(result.load, paths)))


def _print_row(result: LoadResult) -> LoadResult:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(result.load.verdicts.items(), key=str))
    print_line(f"{result.table_row()}{f'   {verdicts}' if verdicts else ''}")
    return result


def _run_soak(site: ours.RunningSite, results: Sequence[LoadResult], paths: Sequence[Path], seconds: float) -> Soak:
    """Run the soak at the server's capacity, its least rate with 16 cameras."""
    capacity = min(one.load.rate for one in by_load(results)[CAPACITY_LOAD])
    print_line(f"soak: {seconds / 60:.0f} minutes ...")
    return run_soak(site.url, paths, seconds, capacity, site.headers("crops"), site.web_processes)


@contextmanager
def _running_peer(folder: Path) -> Iterator[RunningPeer]:
    port = free_port()
    application = ("-m", "uvicorn", "webapp.benchmarks.serving.peer_app:app")
    arguments = (*application, "--port", str(port), "--log-level", "warning")
    address = f"http://127.0.0.1:{port}"
    with running_process(arguments, folder / "peer.log", f"{address}/healthz", {}) as process:
        yield RunningPeer(f"{address}/predict", process)


def _print_tables(results: Sequence[LoadResult]) -> None:
    print_line(f"\n{describe_machine()}\n\n{TABLE_HEADER}")
    for result in results:
        print_line(result.table_row())
    measured = [one for one in results if one.core_ms]
    print_line("\n".join(["", *cost_table(measured), "", *step_lines(measured), ""]))
