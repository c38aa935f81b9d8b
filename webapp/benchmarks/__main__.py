"""``python -m webapp.benchmarks BENCH``: run one bench of the system and return its exit status.

Each bench starts temporary servers. The exit status is 1 when a limit is exceeded.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.supervisor.embedded_server import CouldNotStart
from webapp.supervisor.postgres import Postgres


def main() -> int:
    """Parse the options and run the bench; its modules are imported late, because some need Django's settings."""
    parser = argparse.ArgumentParser(prog="python -m webapp.benchmarks", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")

    queue = _add(benches, "queue", _run_queue, "Times of queue and history with a million inspections.")
    queue.add_argument(
        "--inspections", type=between(20_000, 10_000_000), default=1_000_000, help="rows, 20,000 to 10,000,000"
    )
    queue.add_argument("--waiting", type=int, help="parts that wait for review (default: 5 %%)")
    queue.add_argument("--reviewers", type=between(1, 50), default=10, help="reviewers at once, 1 to 50")
    queue.add_argument("--no-sync", action="store_true", help="do not sync commits to the disk")

    growth = _add(benches, "growth", _run_growth, "Table sizes, written and removed parts a second.")
    growth.add_argument(
        "--inspections", type=between(20_000, 10_000_000), default=100_000, help="rows, 20,000 to 10,000,000"
    )
    growth.add_argument(
        "--seconds", type=between(1, 600), default=20, help="seconds of writing per measurement, 1 to 600"
    )
    growth.add_argument("--partitions", action="store_true", help="compare a table partitioned by month instead")

    replay = _add(benches, "replay", _run_replay, "Rate of a replay, and station latency with a challenger.")
    replay.add_argument("--parts", type=between(200, 100_000), default=5000, help="stored parts, 200 to 100,000")
    replay.add_argument(
        "--seconds", type=between(5.0, 600.0), default=40.0, help="seconds of each of eight loads, 5 to 600"
    )

    serving = _add(benches, "serving", _run_serving, "Parts stored and scored a second, and those of a peer.")
    serving.add_argument("--seconds", type=between(2.0, 3600.0), default=20.0, help="seconds of each load, 2 to 3,600")
    serving.add_argument("--rounds", type=between(1, 100), default=1, help="rounds of all loads, 1 to 100")
    serving.add_argument("--images", type=Path, help="folder of JPEG crops to post instead of drawn crops")
    serving.add_argument(
        "--soak", type=between(0.0, 600.0), default=0.0, help="minutes at 80 %% of capacity, up to 600"
    )
    serving.add_argument(
        "--processes", action="store_true", help="measure from one to all cores and over two machines instead"
    )
    serving.add_argument("--plot", type=Path, help="SVG file for the chart")
    serving.add_argument("--site", type=Path, help="folder of the site, kept for later runs, which need no training")

    mutated = _add(benches, "mutated", _run_mutated, "Answers, times and memory with damaged, huge and odd images.")
    mutated.add_argument("--images", type=between(1, 1_000_000), default=3000, help="number of images")
    mutated.add_argument("--seed", type=int, default=1, help="seed of the images")

    memory = _add(benches, "memory", _run_memory, "Memory of a web process that scores for several products in turn.")
    memory.add_argument("version", type=Path, help="folder of a version, such as VAR/versions/PRODUCT/run-1-1-abc")
    memory.add_argument("--products", type=between(1, 100), default=10, help="products, each with a version")
    memory.add_argument("--rounds", type=between(1, 100), default=3, help="images for each product")

    options = parser.parse_args()
    status: int = options.run(options)
    return status


def between(lowest: float, highest: float) -> Callable[[str], float]:
    """Return a parser of numbers in a range, integers if ``lowest`` is one."""

    def number(text: str) -> float:
        value = type(lowest)(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"use a number from {lowest:,} to {highest:,}")
        return value

    return number


def _add(
    benches: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = benches.add_parser(name, prog=f"make bench-{name}", description=text, help=text)
    parser.set_defaults(run=run, error=parser.error)
    return parser


def _run_queue(options: argparse.Namespace) -> int:
    waiting = max(2000, options.inspections // 20) if options.waiting is None else options.waiting
    # Fifty reviewers' parts and the single reviewers' need 1,900 parts; 12 % of all parts are routed to people.
    if not 2000 <= waiting <= options.inspections // 10:
        options.error("argument --waiting: use at least 2,000 and at most a tenth of --inspections")

    def measure() -> int:
        from webapp.benchmarks.queue.run import run

        return run(options.inspections, waiting, options.reviewers, durable=not options.no_sync)

    return _run_on_own_server(measure, durable=not options.no_sync)


def _run_growth(options: argparse.Namespace) -> int:
    def measure() -> int:
        from webapp.benchmarks.growth import partitions, run

        if options.partitions:
            partitions.compare(options.inspections)
        else:
            run.run(options.inspections, options.seconds)
        return 0

    return _run_on_own_server(measure, durable=True)


def _run_replay(options: argparse.Namespace) -> int:
    from webapp.benchmarks.replay.run import run

    with _temporary_folder() as folder:
        return run(folder, options.parts, options.seconds)


def _run_serving(options: argparse.Namespace) -> int:
    if options.images and not list(options.images.glob("*.jpg")):
        options.error(f"argument --images: {options.images} has no *.jpg")
    if options.processes and (options.soak or options.plot or options.site):
        options.error("argument --processes: it has no soak, no chart and no kept site")
    if options.processes and not hasattr(os, "sched_setaffinity"):
        options.error("argument --processes: this system cannot limit a process to some cores")
    from webapp.benchmarks.serving import machines
    from webapp.benchmarks.serving.run import Loads, run

    with _temporary_folder() as folder:
        if options.processes:
            return machines.run(folder, options.seconds, options.images, options.rounds)
        site = options.site.resolve() if options.site else folder / "ours"
        return run(folder, site, Loads(options.seconds, options.rounds, options.images, options.soak), options.plot)


def _run_mutated(options: argparse.Namespace) -> int:
    from webapp.benchmarks.mutated.run import run

    with _temporary_folder() as folder:
        return run(folder, options.images, options.seed)


def _run_memory(options: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    import django

    django.setup()
    from webapp.benchmarks.memory import run

    with _temporary_folder() as folder:
        return run(options.version, folder, options.products, options.rounds)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yield a folder that is removed with its content afterwards."""
    with tempfile.TemporaryDirectory(prefix="sl-bench-", ignore_cleanup_errors=True) as name:
        # As root, PostgreSQL runs as another user and must be able to reach its socket.
        Path(name).chmod(0o711)
        yield Path(name)


def _run_on_own_server(measure: Callable[[], int], *, durable: bool) -> int:
    """Start PostgreSQL and Django, measure and return the exit status.

    Returns 1 when PostgreSQL does not start. ``measure`` itself imports modules that need Django. ``durable``:
    commits are synced, as in production.
    """
    with _temporary_folder() as folder:
        postgres = Postgres(folder / "pg", folder / "run", folder / "pg.log", durable=durable)
        try:
            postgres.start()
            os.environ |= {
                "DATABASE_URL": postgres.url,
                "VAR": str(folder / "var"),
                "MEDIA_ROOT": str(folder / "media"),
                "DJANGO_SETTINGS_MODULE": "webapp.settings",
                "LOG_LEVEL": "WARNING",
                "DEBUG": "0",
            }
            (folder / "var" / "static").mkdir(parents=True)
            import django  # late: its settings read the server's address

            django.setup()
            return measure()
        except CouldNotStart as error:
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            postgres.kill()


if __name__ == "__main__":
    sys.exit(main())
