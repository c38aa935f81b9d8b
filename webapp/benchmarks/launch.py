"""Start of the benches: temporary folder and temporary PostgreSQL."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.supervisor.embedded_server import CouldNotStart
from webapp.supervisor.postgres import Postgres


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that is removed with its content afterwards."""
    with tempfile.TemporaryDirectory(prefix="sl-bench-", ignore_cleanup_errors=True) as name:
        # As root, PostgreSQL runs as another user and must be able to reach its socket.
        Path(name).chmod(0o711)
        yield Path(name)


def run_on_own_server(measure: Callable[[], int], *, durable: bool) -> int:
    """Start PostgreSQL and Django, measure and return the exit status.

    Returns 1 when PostgreSQL does not start. ``measure`` itself imports modules that need Django. ``durable``:
    commits are synced, as in production.
    """
    with temporary_folder() as folder:
        postgres = Postgres(folder / "pg", folder / "run", folder / "pg.log", durable=durable)
        try:
            postgres.start()
            os.environ |= {
                "DATABASE_URL": postgres.url,
                "VAR": str(folder / "var"),
                "MEDIA_ROOT": str(folder / "media"),
                "DJANGO_SETTINGS_MODULE": "webapp.settings",
                "LOG_LEVEL": "WARNING",
                "DEBUG": "0",
            }
            (folder / "var" / "static").mkdir(parents=True)
            import django  # late: its settings read the server's address

            django.setup()
            return measure()
        except CouldNotStart as error:
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            postgres.kill()
