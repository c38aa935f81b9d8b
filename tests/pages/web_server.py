"""The web server as it runs in a plant, on the test's database, which a test can stop and start."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from django.db import connection

from tests.loop.site import REPOSITORY, wait_for
from webapp.supervisor.valkey import free_port


class WebServer:
    """The web server's processes, at one address over all its lives."""

    def __init__(self, media: Path, log: Path, database: str = "") -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"  # the name that the live server has: cookies know no port
        self.database = database or _test_database()
        self._log = log
        self._environment = os.environ | {
            "PORT": str(self.port),
            "MEDIA_ROOT": str(media),
            "METRICS_DIR": str(media.parent / "metrics"),
            "DATABASE_URL": self.database,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "webapp.server"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log)
        wait_for("the web server", self._is_ready)

    @property
    def pid(self) -> int:
        """Process id of the server's parent process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it as an operator would, and wait until it is gone."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-4000:]
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _test_database() -> str:
    """Return the address of the database that this test's rows are in."""
    own: dict[str, Any] = connection.settings_dict
    url = os.environ["DATABASE_URL"]
    before, _, after = url.partition("?")
    name = before.rsplit("/", 1)[0] + f"/{own['NAME']}"
    return f"{name}?{after}" if after else name
