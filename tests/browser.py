"""Chromium for the tests: `page`, `login(page, user)` and `shoot(page, name)`.

Skipped, with the reason, where no Chromium is installed; failed instead under ``REQUIRE_BROWSER=1``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import AbstractUser
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import DESKTOP as DESKTOP
from tests.chromium import FLAGS, chromium
from tests.chromium import PHONE as PHONE

SCREENSHOTS = Path(__file__).parent / "screenshots"
Login = Callable[[Page, AbstractUser], None]
TakeScreenshots = Callable[[Page, str], list[Path]]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session."""
    path = chromium()
    if path is None:
        reason = "No Chromium: apt-get install -y chromium, or name one in CHROMIUM."
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    # Playwright keeps an event loop in this thread, in which Django would refuse the test's own queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium_browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium_browser
        chromium_browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def live_site(live_server) -> Iterator[str]:  # type: ignore[no-untyped-def]
    """Address of a live server with the test's database, static files included."""
    yield str(live_server.url)
    _wait_for_the_last_request()


def _wait_for_the_last_request() -> None:
    """What a closed page had asked for still runs; emptying the tables meanwhile would end in a deadlock."""
    for _ in range(200):
        # Between two queries a request looks idle to the database: the live server's threads tell, one a connection.
        if not any("process_request_thread" in thread.name for thread in threading.enumerate()) and _is_idle():
            return
        time.sleep(0.05)


def _is_idle() -> bool:
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
    with connection.cursor() as cursor:
        cursor.execute(f"{busy} AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        return bool(cursor.fetchone() == (0,))


@pytest.fixture
def page(browser: Browser, live_site: str) -> Iterator[Page]:
    """A page of a fresh context on the live site: ``page.goto("/review/")``.

    Fails the test when one of our scripts threw, or the content security policy refused something.
    """
    context = browser.new_context(base_url=live_site, viewport=DESKTOP, reduced_motion="reduce")
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    # The first page of a process compiles its templates, beside two other tests' trainings.
    opened.set_default_navigation_timeout(30_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert not complaints, complaints


@pytest.fixture
def login(live_site: str) -> Login:
    """Return ``login(page, user)``: the page's context is logged in as the user, without the form."""

    def log_in(page: Page, user: AbstractUser) -> None:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_site}])

    return log_in


@pytest.fixture
def take_screenshots() -> TakeScreenshots:
    """Return ``shoot(page, name)``: screenshots at desktop and phone size, under tests/screenshots/."""

    def take(page: Page, name: str) -> list[Path]:
        SCREENSHOTS.mkdir(exist_ok=True)
        before, paths = page.viewport_size, []
        for size, view in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(view)  # type: ignore[arg-type]
            path = SCREENSHOTS / f"{name}-{size}.png"
            page.screenshot(path=path)
            paths.append(path)
        page.set_viewport_size(before or DESKTOP)  # type: ignore[arg-type]
        return paths

    return take
