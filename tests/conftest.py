"""Fixtures for all tests. The servers come from `tests.embedded`, loaded by pyproject.toml."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import hypothesis
import pytest

# A busy machine makes examples slow: their time says nothing about the code.
hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")

pytest_plugins = [
    "tests.browser",
    "tests.distribution",
    "tests.fast_flush",
    "tests.db_template",
    "tests.s3",
    "tests.tiny_model",
]


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
def log_handlers_stay() -> Iterator[None]:
    """Configure logging once: a second `django.setup()`, as of the site's entry, would remove pytest's handlers, and
    `caplog` would miss what is logged after it."""
    from django.conf import settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "LOGGING_CONFIG", None)
        yield


@pytest.fixture(scope="session", autouse=True)
def fast_password_hashing() -> Iterator[None]:
    """Hash passwords once and not a million times, a quarter of a second each; other processes can check them still."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Forget what tests before have cached: rows of theirs have the primary keys of rows of this one."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def no_random_audits() -> Iterator[None]:
    """Draw no part for audit whose product does not have all of them drawn: one in a hundred sure verdicts is, and a
    test that expects one would fail as often. tests/inspection/products/test_routing.py has the draw itself."""
    from inspection.products import routing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "audit_sample_value", lambda _: 0.999_999)
        yield
