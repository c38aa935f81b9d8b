"""`make bench-serving`: our server with everything on, then the peer, in one run on one machine. Exit status 1 when the
rates are not what is aimed at, or a part that was answered is not kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Measure in a temporary folder, or in one that stays."""
    parser = argparse.ArgumentParser(prog="make bench-serving", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load (2 to 3600)")
    parser.add_argument("--images", type=Path, help="a folder of JPEG crops to post instead of drawn ones")
    parser.add_argument("--soak", type=float, default=0.0, help="minutes at 80 %% of capacity afterwards (0 to 600)")
    parser.add_argument("--plot", type=Path, help="an SVG file for the figure")
    options = parser.parse_args()
    if not 2 <= options.seconds <= 3600:
        parser.error("--seconds is from 2 to 3600")
    if not 0 <= options.soak <= 600:
        parser.error("--soak is from 0 to 600")
    if options.images and not list(options.images.glob("*.jpg")):
        parser.error(f"{options.images} has no *.jpg")
    from webapp.benchmarks.serving.run import run

    with tempfile.TemporaryDirectory(prefix="sl-bench-", ignore_cleanup_errors=True) as name:
        # PostgreSQL runs as another user where we are root, and has to reach its socket.
        Path(name).chmod(0o711)
        return run(Path(name), options.seconds, options.images, soak=options.soak, plot=options.plot)


if __name__ == "__main__":
    sys.exit(main())
