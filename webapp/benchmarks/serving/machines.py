"""Processor time a part over more cores, processes and machines that share one database and one bucket.

Each machine is a web server as `make up` starts it, with its own VAR folder, on cores of its own. Clients, PostgreSQL
and the bucket run on the same cores, so core-milliseconds a part show how a site grows, not parts a second.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import psutil

from mltasks.vision.benchmarks.printing import print_line, print_verdict
from webapp.benchmarks.serving import ours, parts
from webapp.benchmarks.serving.crash_loads import count_lost
from webapp.benchmarks.serving.measurement import TABLE_HEADER, LoadResult, by_load, describe_machine, measure, warm_up
from webapp.benchmarks.serving.processes import cpu_seconds, running_process, with_children
from webapp.config.environment import available_cores
from webapp.supervisor.plan import programs
from webapp.supervisor.valkey import free_port

# Core-milliseconds a part of one process on one core over those of a layout
MIN_EFFICIENCY = 0.9
CLIENTS_PER_CORE = 4
# Database connections of all machines; PostgreSQL allows 100.
MAX_CONNECTIONS = 72
BUCKET = "bench"


@dataclass(frozen=True, slots=True)
class Layout:
    """Number of machines, and of processes of each machine, each process with a core."""

    machines: int
    processes: int

    @property
    def name(self) -> str:
        """Return the layout as text."""
        return f"{self.machines} × {self.processes}"

    @property
    def cores(self) -> int:
        """Return the cores of all machines."""
        return self.machines * self.processes


@dataclass(frozen=True)
class Machines:
    """Web servers of one layout; each camera posts to one of them."""

    name: str
    url: tuple[str, ...]
    servers: tuple[psutil.Process, ...]
    site: ours.RunningSite

    def headers(self, kind: str) -> dict[str, str]:
        """Return the headers of the station that sends images of this kind."""
        return self.site.headers(kind)

    def web_processes(self) -> list[psutil.Process]:
        """Return the processes of all web servers."""
        return [one for server in self.servers for one in with_children(server)]

    def cpu_seconds(self) -> dict[str, float]:
        """Return processor seconds so far of the web servers and of PostgreSQL."""
        return {ours.WEB: cpu_seconds(self.web_processes()), ours.POSTGRES: self.site.cpu_seconds()[ours.POSTGRES]}


def run(folder: Path, seconds: float, images: Path | None, rounds: int) -> int:
    """Measure all layouts in turn in each round, and print; return 0 if nothing is lost and each is efficient."""
    print_line(describe_machine())
    print_line("drawing the line's parts ...")
    crops = sorted(images.glob("*.jpg")) if images else parts.draw_crops(folder / "crops")
    results: list[LoadResult] = []
    with _running_bucket(folder) as bucket, ours.running_site(folder / "ours", print_line, bucket) as site:
        for number in range(1, rounds + 1):
            print_line(f"round {number} of {rounds}: machines × processes, a core each\n{TABLE_HEADER}")
            for layout in layouts(available_cores()):
                with _running_machines(folder / f"{layout.name}-{number}", layout, site) as machines:
                    results.append(_measure(machines, layout, crops, seconds))
                print_line(results[-1].table_row())
    return _print_efficiency(results)


def layouts(cores: int) -> list[Layout]:
    """Return one machine with 1, 2, 4, … and all cores, and two machines with half of the cores each."""
    single = sorted({2**power for power in range(cores.bit_length()) if 2**power <= cores} | {cores})
    return [*(Layout(1, processes) for processes in single), *([Layout(2, cores // 2)] if cores > 1 else [])]


def _measure(machines: Machines, layout: Layout, crops: Sequence[Path], seconds: float) -> LoadResult:
    clients = CLIENTS_PER_CORE * layout.cores
    warm_up(machines, "crops", crops, clients)
    result = measure(machines, "crops", crops, clients, seconds)
    return replace(result, lost=count_lost(result.load, crops))


def _print_efficiency(results: Sequence[LoadResult]) -> int:
    """Print the medians of each layout; return the exit status."""
    layouts_measured = list(by_load(results).items())
    costs = [median(sum(one.core_ms.values()) for one in rounds) for _, rounds in layouts_measured]
    print_line(f"\n{'machines × processes':<22}{'core-ms a part':>16}{'web':>8}{'PostgreSQL':>12}{'efficiency':>12}")
    faults = [f"{one.server}: {one.lost} parts lost" for one in results if one.lost or not one.load.answers]
    for ((name, _, _), rounds), cost in zip(layouts_measured, costs, strict=True):
        web, postgres = (median(one.core_ms[group] for one in rounds) for group in (ours.WEB, ours.POSTGRES))
        efficiency = costs[0] / cost
        print_line(f"{name:<22}{cost:16.1f}{web:8.1f}{postgres:12.1f}{efficiency:12.2f}")
        if efficiency < MIN_EFFICIENCY:
            faults.append(f"{name}: {efficiency:.2f} of linear in core-milliseconds a part, not {MIN_EFFICIENCY}")
    return print_verdict(faults)


@contextmanager
def _running_bucket(folder: Path) -> Iterator[dict[str, str]]:
    """Start an S3 server in memory, create the bucket, and yield the environment of machines that share it."""
    import boto3  # late: slow to import, and other runs need no bucket

    address = f"http://127.0.0.1:{free_port()}"
    environment = {
        "MEDIA_STORE": "s3",
        "S3_BUCKET": BUCKET,
        "S3_ENDPOINT_URL": address,
        "S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(),
    }
    os.environ |= environment  # boto of this process reads it, too
    port = address.rpartition(":")[2]
    with running_process(("-m", "moto.server", "--port", port), folder / "bucket.log", f"{address}/moto-api/", {}):
        boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield environment


@contextmanager
def _running_machines(folder: Path, layout: Layout, site: ours.RunningSite) -> Iterator[Machines]:
    """Start the web servers of a layout, each on its own cores; stop them afterwards."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        servers, urls = [], []
        for number in range(layout.machines):
            own = cores[number * layout.processes :][: layout.processes]
            port = free_port()
            machine, web = folder / f"machine-{number}", programs(demo=False)[0]
            environment = {**web.environment, **_machine_environment(machine, port, layout)}
            ready, log = f"http://127.0.0.1:{port}/readyz", machine / "web.log"
            servers.append(stack.enter_context(running_process(web.command[1:], log, ready, environment, own)))
            urls.append(ours.inspections_url(port))
        yield Machines(layout.name, tuple(urls), tuple(servers), site)


def _machine_environment(folder: Path, port: int, layout: Layout) -> Mapping[str, str]:
    """Return the environment of a machine: its own folder and port, and the database and broker of the site."""
    from django.conf import settings

    from webapp.config.running_services import running_services

    services = running_services(settings.VAR)
    (folder / "var").mkdir(parents=True)
    return {
        "VAR": str(folder / "var"),
        "PORT": str(port),
        "WEB_WORKERS": str(layout.processes),
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": services["database_url"],
        "REDIS_URL": services["redis_url"],
        "DATABASE_POOL": str(max(2, MAX_CONNECTIONS // layout.cores)),
    }
