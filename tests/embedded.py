"""A pytest plugin: real PostgreSQL and Valkey for this test session, started before Django reads its settings.

Loaded by ``-p tests.embedded``, because pytest-django reads the settings before any conftest is imported.
``DATABASE_URL`` and ``REDIS_URL`` name other servers. However the session ends, ``kill -9`` included, neither server
nor folder stays: the servers are tied to this process, and the folder has a janitor.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from webapp.supervisor.postgres import Postgres
from webapp.supervisor.valkey import Valkey

# In the environment where the PostgreSQL is this module's, and not one that DATABASE_URL named
OWN_POSTGRES = "TESTS_OWN_POSTGRES"
# Reads until this process is gone, by its own end or not, then removes the folder; the servers may still be writing.
_CLEANUP_PROGRAM = """
import pathlib, shutil, sys, time
sys.stdin.read()
for _ in range(100):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not pathlib.Path(sys.argv[1]).exists():
        break
    time.sleep(0.1)
"""


def _start() -> None:
    # A short path below /tmp: a Unix socket's path has room for 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="sl-test-"))
    _start_cleanup_process(folder)
    os.environ["VAR"] = str(folder / "var")
    os.environ["MEDIA_ROOT"] = str(folder / "media")
    (folder / "var" / "static").mkdir(parents=True)
    (folder / "media").mkdir()
    if not os.environ.get("DATABASE_URL"):
        postgres = Postgres(folder / "pg", folder / "run", folder / "pg.log", durable=False)
        postgres.start()
        # Nothing of it is needed again: no time spent on an orderly shutdown.
        atexit.register(postgres.kill)
        os.environ["DATABASE_URL"] = postgres.url
        os.environ[OWN_POSTGRES] = "1"
    # Of several processes each finds in its environment what the first has started. Each has a database of its own
    # there, but of a broker only one would get what all publish.
    if not os.environ.get("REDIS_URL") or "PYTEST_XDIST_WORKER" in os.environ:
        valkey = Valkey(folder / "valkey", folder / "valkey.log")
        valkey.start()
        atexit.register(valkey.kill)
        os.environ["REDIS_URL"] = valkey.url


def _start_cleanup_process(folder: Path) -> None:
    janitor = subprocess.Popen(
        [sys.executable, "-I", "-c", _CLEANUP_PROGRAM, str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )

    def wait_for_it() -> None:
        janitor.communicate()

    # Registered first, so run last: exit handlers run in reverse order, after the servers stopped.
    atexit.register(wait_for_it)


_start()
