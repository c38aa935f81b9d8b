"""Fixtures for all tests. The servers come from `tests.embedded`, loaded by pyproject.toml."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.browser", "tests.flushing", "tests.migrated", "tests.s3", "tests.trained"]
# What needs no server, and so may run beside the rest, file by file
ALONE = "tests/vision/"
# What mostly waits for a browser
PAGES = ("tests/pages/", "tests/web/")
# Mostly trainings, a third of the rest of the house's time
TRAININGS = "tests/mltasks/"
# Minutes each, which would come last in a process that has the rest of the house, too
APART = ("tests/loop/", "tests/rest/")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search for no garbage among what is imported, torch and Django, neither now nor after each test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hash passwords once and not a million times, a quarter of a second each; other processes can check them still."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_audit_by_chance() -> Iterator[None]:
    """Draw no part for audit whose product does not have all of them drawn: one in a hundred sure verdicts is, and a
    test that expects one would fail as often. tests/inspection/test_routing.py has the draw itself."""
    from inspection.products import routing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "audit_draw", lambda _: 0.999_999)
        yield


class ByFloor(LoadScopeScheduling):
    """With three processes (`make test`), each with a database and a broker of its own, one has the pages, one the
    trainings' floor and one the rest of the house to itself; the files of the vision floor run beside them."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ALONE):
            return nodeid.split("::")[0]
        if nodeid.startswith(TRAININGS):
            return "trainings"
        if nodeid.startswith(APART):
            return nodeid.split("/")[1]
        return "pages" if nodeid.startswith(PAGES) else "house"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who runs what; asked only where there are several processes."""
    return ByFloor(config, log)
