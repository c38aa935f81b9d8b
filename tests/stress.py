"""The counts of the tests that repeat one thing until its fault shows: small by default, full under ``STRESS=1``.

A plugin-free module, so that a test module can read its counts while it is collected.
"""

from __future__ import annotations

import os

# Set for the night's run: `STRESS=1 make test`, `STRESS=1 bash .ci/run`
FULL = os.environ.get("STRESS") == "1"


def stress_count(usual: int, full: int) -> int:
    """Return how often a test repeats what it does: ``usual`` times, ``full`` times under ``STRESS=1``."""
    return full if FULL else usual
