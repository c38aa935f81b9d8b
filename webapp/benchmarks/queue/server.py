"""A PostgreSQL of a bench's own, in a temporary folder that goes with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.supervisor.postgres import Postgres


@contextmanager
def own_server(*, durable: bool) -> Iterator[Path]:
    """Start it, and Django with it; yields the folder. ``durable``: commits are synced, as in production. Raises
    CouldNotStart."""
    with tempfile.TemporaryDirectory(prefix="sl-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # PostgreSQL runs as another user where we are root, and has to reach its socket.
        folder.chmod(0o711)
        postgres = Postgres(folder / "pg", folder / "run", folder / "pg.log", durable=durable)
        try:
            postgres.start()
            os.environ |= {
                "DATABASE_URL": postgres.url,
                "VAR": str(folder / "var"),
                "MEDIA_ROOT": str(folder / "media"),
            }
            os.environ |= {"DJANGO_SETTINGS_MODULE": "webapp.settings", "LOG_LEVEL": "WARNING", "DEBUG": "0"}
            (folder / "var" / "static").mkdir(parents=True)
            begin()
            yield folder
        finally:
            postgres.kill()


def begin() -> None:
    """Start Django, here or in a process that was spawned: it reads the server's address with its settings."""
    import django

    django.setup()
