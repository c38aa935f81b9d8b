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
    parser.add_argument(
        "--data", type=Path, help="folder of parts: good/ and one folder per defect type; by default drawn parts"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of the parts, stratified by type (above 0, at most 1)"
    )
    parser.add_argument("--repeats", type=int, default=1, help="splits into training and test halves")
    parser.add_argument("--epochs", type=int, default=40, help="maximum of the baseline loop")
    parser.add_argument("--threads", type=int, default=0, help="threads of both trainings; 0: torch's default")
    parser.add_argument("--plot", type=Path, help="SVG file for average precision over seconds")
    options = parser.parse_args()
    if options.data and not options.data.is_dir():
        parser.error(f"{options.data} is not a folder")
    if not 0 < options.share <= 1 or min(options.repeats, options.epochs) < 1 or options.threads < 0:
        parser.error("--share must be above 0 and at most 1, --repeats and --epochs 1 or more, --threads 0 or more")
    # Torch reads this once at load: threads waiting for each other sleep instead of occupying a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from mltasks.vision.benchmarks.part_folder import NoPartsError
    from mltasks.vision.benchmarks.training.run import run_bench
    from mltasks.vision.train_config import TrainConfig

    config = TrainConfig(backbone_weights="shipped", max_epochs=options.epochs, threads=options.threads)
    try:
        return run_bench(config, options.data, options.share, options.repeats, options.plot)
    except NoPartsError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
