"""`make bench-replay`: rate of a replay, and station latency with a challenger.

Thousands of stored parts are replayed by the worker, whose process is killed midway, and scored without a database.
Then a station's latency is measured without and with a challenger. Exit status 1 when the replay is too slow, a part
was scored twice, or the station waits longer than allowed.
"""

from __future__ import annotations

import argparse
import sys

from webapp.benchmarks.launch import check_range, temporary_folder


def main() -> int:
    """Parse the options and measure in a temporary folder."""
    parser = argparse.ArgumentParser(prog="make bench-replay", description=__doc__)
    parser.add_argument("--parts", type=int, default=5000, help="stored parts (200 to 100000)")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each of eight loads of one station (5 to 600)")
    options = parser.parse_args()
    check_range(parser, "--parts", options.parts, 200, 100_000)
    check_range(parser, "--seconds", options.seconds, 5, 600)
    from webapp.benchmarks.replay.run import run

    with temporary_folder() as folder:
        return run(folder, options.parts, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
