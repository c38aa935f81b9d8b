"""`make bench-training`: seconds of training to the same average precision.

Compares our training with the baseline, the loop that the project grew from, on drawn parts or on a folder of parts.
Exit status 1 when ours misses the speed target or is less precise.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """Parse the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(prog="make bench-training", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of parts, good/ and a folder a kind, instead of drawn ones")
    parser.add_argument("--share", type=float, default=1.0, help="of these parts, stratified by kind (above 0, to 1)")
    parser.add_argument("--repeats", type=int, default=1, help="splits into learned and measured halves")
    parser.add_argument("--epochs", type=int, default=40, help="of the seed's loop, at most")
    parser.add_argument("--threads", type=int, default=0, help="of both; 0: as many as torch takes")
    parser.add_argument("--plot", type=Path, help="write average precision over seconds to this SVG file")
    options = parser.parse_args()
    if options.data and not options.data.is_dir():
        parser.error(f"{options.data} is no folder")
    if not 0 < options.share <= 1 or min(options.repeats, options.epochs) < 1 or options.threads < 0:
        parser.error("--share is above 0 and at most 1, --repeats and --epochs are 1 or more, --threads 0 or more")
    # Torch reads this once at load: threads waiting for each other sleep instead of occupying a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from mltasks.vision.benchmarks.part_folder import NoPartsError
    from mltasks.vision.benchmarks.training.run import BenchOptions, run_bench
    from mltasks.vision.types import TrainConfig

    config = TrainConfig(backbone_weights="shipped", max_epochs=options.epochs, threads=options.threads)
    try:
        return run_bench(BenchOptions(options.data, options.share, options.repeats, options.plot), config)
    except NoPartsError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
