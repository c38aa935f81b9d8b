"""`make bench-replay`: thousands of stored parts replayed by the worker, killed in the middle, beside the same scoring
without a database; then a station's latency without and with a challenger. Exit status 1 when the replay is slower than
aimed at, a part was scored twice, or the station waits longer."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(prog="make bench-replay", description=__doc__)
    parser.add_argument("--parts", type=int, default=5000, help="stored parts (200 to 100000)")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each of eight loads of one station (5 to 600)")
    options = parser.parse_args()
    if not 200 <= options.parts <= 100_000:
        parser.error("--parts is from 200 to 100000")
    if not 5 <= options.seconds <= 600:
        parser.error("--seconds is from 5 to 600")
    from webapp.benchmarks.replay.run import run

    with tempfile.TemporaryDirectory(prefix="sl-bench-", ignore_cleanup_errors=True) as name:
        # PostgreSQL runs as another user where we are root, and has to reach its socket.
        Path(name).chmod(0o711)
        return run(Path(name), options.parts, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
