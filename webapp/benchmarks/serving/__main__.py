"""`make bench-serving`: our server and the peer, measured in one run on one machine.

Our server runs with all features on. Exit status 1 when rates miss their targets, or an answered part is not stored.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from webapp.benchmarks.launch import check_range, temporary_folder


def main() -> int:
    """Parse the options and measure in a temporary folder."""
    parser = argparse.ArgumentParser(prog="make bench-serving", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load (2 to 3600)")
    parser.add_argument("--images", type=Path, help="a folder of JPEG crops to post instead of drawn ones")
    parser.add_argument("--soak", type=float, default=0.0, help="minutes at 80 %% of capacity afterwards (0 to 600)")
    parser.add_argument("--plot", type=Path, help="an SVG file for the figure")
    options = parser.parse_args()
    check_range(parser, "--seconds", options.seconds, 2, 3600)
    check_range(parser, "--soak", options.soak, 0, 600)
    if options.images and not list(options.images.glob("*.jpg")):
        parser.error(f"{options.images} has no *.jpg")
    from webapp.benchmarks.serving.run import run

    with temporary_folder() as folder:
        return run(folder, options.seconds, options.images, soak=options.soak, plot=options.plot)


if __name__ == "__main__":
    sys.exit(main())
