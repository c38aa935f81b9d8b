"""Images as no camera sends them: each is answered, in time, and the memory that they took is given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.pages.web_server import WebServer
from tests.stress import stress_count
from webapp.benchmarks.mutated.mutations import Mutations
from webapp.benchmarks.mutated.run import MAX_MEMORY_MB, post_all

IMAGES = stress_count(100, 300)
SMALL = {"DATABASE_POOL": "8", "STATION_RATE": "100000/second"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """The web server with its two processes."""
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    running = WebServer(tmp_path / "media", tmp_path / "web.log")
    running.start()
    yield running
    running.stop()


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(900)
@pytest.mark.slow(15)
def test_they_cost_no_error_and_no_memory(server: WebServer) -> None:
    key = create_station(create_product("phone-case"), "line-1")[1]

    outcome = post_all(
        f"{server.url}/api/v1/inspections/",
        key,
        Mutations(seed=7, huge_every=100),
        IMAGES,
        lambda: psutil.Process(server.pid).children(),
    )
    assert sum(outcome.statuses.values()) == IMAGES
    assert set(outcome.statuses) <= {200, 201, 400, 413, 415}, outcome.summary()
    assert outcome.statuses[201] > IMAGES / 10
    assert max(outcome.after) < MAX_MEMORY_MB, outcome.summary()
