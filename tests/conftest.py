"""Fixtures for all tests. The servers come from `tests.embedded`, loaded by pyproject.toml."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.browser", "tests.trained"]
# What needs no server, and so may run beside the rest
ALONE = "tests/vision/"


class ByFloor(LoadScopeScheduling):
    """With two processes (`make test`), one has the servers, the browser and the sites to itself; the files of the
    vision floor, which need none of them, run beside it."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.split("::")[0] if nodeid.startswith(ALONE) else "house"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who runs what; asked only where there are several processes."""
    return ByFloor(config, log)
