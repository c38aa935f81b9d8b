"""A whole running site in processes of its own: the supervisor, embedded services, web, workers and beat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from webapp.config.running_services import running_services
from webapp.supervisor.valkey import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
_ALL = """
import io, json
from django.core.management import call_command
printed = []
for command in {commands}:
    out = io.StringIO()
    call_command(*command, stdout=out)
    printed.append(out.getvalue())
print("printed:" + json.dumps(printed))
"""
ADMIN = ("loop-admin", "a-long-loop-password")


def wait_for(what: str, ready: Callable[[], Any], timeout: float = 120.0) -> Any:
    """Return the first truthy answer of ``ready``. Raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if answer := ready():
            return answer
        time.sleep(0.3)
    raise TimeoutError(f"Waited {timeout:.0f} s for {what}.")


@dataclass
class Answer:
    """Status and JSON body of a response."""

    status: int
    body: Any


@dataclass
class Site:
    """One running installation below ``folder``."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of everything that belongs to this site."""
        keep = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        return keep | {
            "PORT": str(self.port),
            "VAR": str(self.folder / "var"),
            "MEDIA_ROOT": str(self.folder / "media"),
            "DEMO": "0",
            "DJANGO_SUPERUSER_USERNAME": ADMIN[0],
            "DJANGO_SUPERUSER_PASSWORD": ADMIN[1],
            "BACKBONE_WEIGHTS": "shipped",
        }

    @property
    def log(self) -> Path:
        """What the supervisor printed."""
        return self.folder / "up.log"

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log
            )
        # Everything starts at once, beside the other test processes.
        wait_for("the site to be ready", self._ready, timeout=300)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"The supervisor ended:\n{self.log.read_text()[-4000:]}"
        try:
            return self.get("/readyz", token=None).status == 200
        except OSError:
            return False

    def processes(self) -> list[psutil.Process]:
        """The supervisor and all its descendants."""
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def stop(self) -> float:
        """Send SIGTERM and wait. Returns the seconds it took."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=30)
        return time.monotonic() - begun

    def manage(self, *arguments: str, timeout: float = 300.0) -> str:
        """Run a management command on the running system and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def manage_all(self, *commands: tuple[str, ...]) -> list[str]:
        """Run management commands in one process, which starts in seconds, and return what each printed."""
        printed = self.manage("shell", "-c", _ALL.format(commands=list(commands)))
        found: list[str] = json.loads(printed.split("printed:")[1])
        return found

    def query(self, query: LiteralString, *values: Any) -> list[Any]:
        """Run SQL on the site's own database, each value in place of a ``%s``; rows of what it finds."""
        with psycopg.connect(running_services(self.folder / "var")["database_url"], autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def get(self, path: str, *, token: str | None) -> Answer:
        """GET a path as JSON."""
        return self._ask(urllib.request.Request(self._url(path), headers=_bearer(token)))

    def post(self, path: str, body: Mapping[str, Any], *, token: str) -> Answer:
        """POST JSON."""
        headers = _bearer(token) | {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self._url(path), json.dumps(body).encode(), headers))

    def send(self, image: Path, *, key: str, path: str = "/api/v1/inspections/", **fields: str) -> Answer:
        """POST an image as a camera station."""
        with image.open("rb") as file:
            body = encode_multipart(BOUNDARY, {"file": file, **fields})
        headers = {"Authorization": f"Api-Key {key}", "Content-Type": MULTIPART_CONTENT}
        return self._ask(urllib.request.Request(self._url(path), body, headers))

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @staticmethod
    def _ask(request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, _json(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, _json(error.read()))


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Token {token}"} if token else {}


def _json(body: bytes) -> Any:
    return json.loads(body) if body else None
