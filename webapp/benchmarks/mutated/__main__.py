"""``python -m webapp.benchmarks.mutated``: post mutated images to a temporary system."""

from __future__ import annotations

import argparse
import sys

from mltasks.vision.benchmarks.printing import print_line
from webapp.benchmarks.launch import temporary_folder
from webapp.benchmarks.mutated.mutations import Mutations
from webapp.benchmarks.mutated.run import post_all, print_outcome
from webapp.benchmarks.serving import ours


def main() -> int:
    """Post the images and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with temporary_folder() as folder, ours.running_site(folder, print_line) as site:
        images = Mutations(options.seed)
        print_line("posting ...")
        return print_outcome(
            post_all(site.url, site.keys["crops"], images, options.images, site.web_processes, print_line)
        )


if __name__ == "__main__":
    sys.exit(main())
