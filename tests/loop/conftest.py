"""One running site for all tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop.site import Site


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """A site that starts with nothing in it. The last test of `test_loop.py`, after all others here, stops it."""
    with tempfile.TemporaryDirectory(prefix="sl-loop-") as folder:
        running = Site(Path(folder))
        running.start()
        try:
            yield running
        finally:
            print(running.log.read_text()[-20000:])
            if running.process is not None and running.process.poll() is None:
                running.stop()
