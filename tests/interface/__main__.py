"""Command that rewrites the recorded files: ``python -m tests.interface``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.interface.recorded_files import RECORD


def main() -> int:
    """Run the tests of this folder in recording mode and return their exit status."""
    os.environ[RECORD] = "1"
    return pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(Path(__file__).parent)])


if __name__ == "__main__":
    sys.exit(main())
