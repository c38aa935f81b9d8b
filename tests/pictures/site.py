"""A site of our own for the pictures: embedded servers, the project's code and a web server, all from one folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from webapp.supervisor.postgres import Postgres
from webapp.supervisor.valkey import Valkey

# On the pictures it is early afternoon, whenever they are taken: the early shift's work is done, the late one's begun.
HOUR = 14


@contextmanager
def open_site(folder: Path) -> Iterator[None]:
    """Servers and Django, ready to use, with everything they keep below ``folder``; goes on with what is there."""
    with ExitStack() as stack:
        postgres = Postgres(folder / "pg", folder / "run", folder / "pg.log", durable=False)
        valkey = Valkey(folder / "valkey", folder / "valkey.log")
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        _set_environment(folder, postgres.url, valkey.url)
        _start_django()
        yield


@contextmanager
def serve() -> Iterator[str]:
    """The address of a web server in this process, static files included."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test.testcases import LiveServerThread

    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()


def _set_environment(folder: Path, database: str, broker: str) -> None:
    (folder / "var" / "static").mkdir(parents=True, exist_ok=True)
    (folder / "media").mkdir(exist_ok=True)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "VAR": str(folder / "var"),
        "MEDIA_ROOT": str(folder / "media"),
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "DEBUG": "0",
        "LOG_LEVEL": "WARNING",
        "BACKBONE_WEIGHTS": "shipped",
        "TIME_ZONE": _zone(datetime.now(UTC).hour),
        # Playwright keeps an event loop in this thread, in which Django would refuse our own queries.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    }


def _zone(now: int) -> str:
    """The time zone in which it is ``HOUR`` o'clock at ``now`` in UTC; plus is west of Greenwich, as in POSIX."""
    west = (now - HOUR) % 24
    return f"Etc/GMT{west if west <= 12 else west - 24:+d}"


def _start_django() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    logging.getLogger("django.request").setLevel(logging.ERROR)
    call_command("migrate", verbosity=0)
