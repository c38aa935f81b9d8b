"""`make bench-queue`: times of queue and history on a temporary, filled PostgreSQL.

Exit status 1 when a limit is exceeded or a page reads all inspections sequentially.
"""

from __future__ import annotations

import argparse
import sys

from webapp.benchmarks.launch import run_on_own_server


def main() -> int:
    """Parse the options, start the server, then Django, whose settings need its address."""
    options = _options()
    durable = not options.no_sync

    def measure() -> int:
        from webapp.benchmarks.queue.run import BenchSize, run

        return run(BenchSize(options.inspections, options.waiting, options.reviewers), durable=durable)

    return run_on_own_server(measure, durable=durable)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-queue", description=__doc__)
    parser.add_argument("--inspections", type=int, default=1_000_000, help="rows of the table (20,000 to 10,000,000)")
    parser.add_argument("--waiting", type=int, default=None, help="of these wait for a person; by default 5 %%")
    parser.add_argument("--reviewers", type=int, default=10, help="at once (1 to 50)")
    parser.add_argument("--no-sync", action="store_true", help="commits that a crash of the machine may lose")
    found = parser.parse_args()
    found.waiting = max(2000, found.inspections // 20) if found.waiting is None else found.waiting
    if not 20_000 <= found.inspections <= 10_000_000 or not 1 <= found.reviewers <= 50:
        parser.error("--inspections is from 20,000 to 10,000,000 and --reviewers from 1 to 50")
    # Fifty reviewers' rounds and the single ones need 1,900 parts; 12 % of all parts are routed to people.
    if not 2000 <= found.waiting <= found.inspections // 10:
        parser.error("--waiting is at least 2,000 and at most a tenth of the inspections")
    return found


if __name__ == "__main__":
    sys.exit(main())
