"""`make bench-growth`: table sizes, writes a second and removals a second.

Starts a temporary PostgreSQL and fills it with the given number of inspections.
"""

from __future__ import annotations

import argparse
import sys

from webapp.benchmarks.launch import run_on_own_server


def main() -> int:
    """Parse the options, start the server, then Django, whose settings need its address."""
    parser = argparse.ArgumentParser(prog="make bench-growth", description=__doc__)
    parser.add_argument("--inspections", type=int, default=100_000, help="rows of the table (20,000 to 10,000,000)")
    parser.add_argument("--seconds", type=int, default=20, help="of writing, by one connection and by eight")
    parser.add_argument("--partitions", action="store_true", help="the table by months instead, beside the whole one")
    options = parser.parse_args()
    if not 20_000 <= options.inspections <= 10_000_000 or not 1 <= options.seconds <= 600:
        parser.error("--inspections is from 20,000 to 10,000,000 and --seconds from 1 to 600")

    def measure() -> int:
        from webapp.benchmarks.growth import partitions, run

        if options.partitions:
            partitions.compare(options.inspections)
        else:
            run.run(options.inspections, options.seconds)
        return 0

    return run_on_own_server(measure, durable=True)


if __name__ == "__main__":
    sys.exit(main())
