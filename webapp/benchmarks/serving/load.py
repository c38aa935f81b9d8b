"""Clients that post images as cameras do.

Each client keeps its connection and posts the next part after the last answer.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

BOUNDARY = "second-look-bench"
TIMEOUT = 120
ACCEPTED = ("200", "201")
TABLE_HEADER = f"{'':<21}{'clients':>8}{'parts/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'MB':>9}"
RETRY_SECONDS = 0.2  # seconds until a client posts again when the server is unavailable


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to one form, with its header Server-Timing.

    Without an answer: status 0 and the name of the error.
    """

    status: int
    content: bytes = b""
    timing: str = ""
    error: str = ""


class FormClient:
    """Client of one address, for one thread."""

    def __init__(self, url: str, headers: Mapping[str, str], *, timeout: float) -> None:
        address = urlsplit(url)
        self._path = address.path
        self._headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **headers}
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=timeout)

    def post(self, form: bytes) -> Reply:
        """Post a form and return the whole answer; after an error the next form reconnects."""
        try:
            self._connection.request("POST", self._path, form, self._headers)
            with self._connection.getresponse() as response:
                return Reply(response.status, response.read(), response.headers.get("Server-Timing", ""))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Reply(0, error=type(error).__name__)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def multipart_form(name: str, image: bytes) -> bytes:
    """Return the multipart form of one image, as a camera sends it."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass
class Load:
    """Results of one load.

    ``latencies_ms`` are milliseconds. ``answers`` are the bodies of accepted parts, with the number of the posted
    image. ``steps`` are the server's milliseconds by step (`Server-Timing`).
    """

    clients: int
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)

    @property
    def refusals(self) -> dict[str, int]:
        """Return the number of requests without an accepted part, by status."""
        return {status: number for status, number in self.statuses.items() if status not in ACCEPTED}

    @property
    def rate(self) -> float:
        """Return accepted parts a second."""
        return len(self.answers) / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return float(np.percentile(self.latencies_ms, percent)) if self.latencies_ms else float("nan")

    def add_server_timing(self, timing: str) -> None:
        """Add the steps of one answer."""
        for entry in filter(None, timing.split(", ")):
            name, _, milliseconds = entry.partition(";dur=")
            self.steps.setdefault(name, []).append(float(milliseconds))


@dataclass
class LoadResult:
    """One load on one server, with the peak memory of a process in megabytes and the lost parts."""

    server: str
    kind: str
    load: Load
    memory: float
    lost: int | None = None

    def table_row(self) -> str:
        """Return one line of the table."""
        load = self.load
        percentiles = "".join(f"{load.percentile(percent):9.0f}" for percent in (50, 95, 99))
        figures = f"{load.rate:9.1f}{percentiles}{self.memory:9.0f}"
        kept = "" if self.lost is None else f"   {len(load.answers)} stored, {self.lost} lost"
        refused = f"   {load.refusals}" if load.refusals else ""
        return f"{self.server:<13}{self.kind:<8}{load.clients:>8}{figures}{kept}{refused}"


def post_images(
    url: str,
    images: Sequence[Path],
    clients: int,
    seconds: float,
    headers: Mapping[str, str],
    *,
    rate: float | None = None,
) -> Load:
    """Post the images in turn for ``seconds`` seconds by ``clients`` clients, each a thread.

    With a ``rate``, parts are due on time at any free client. A part's latency includes its wait for a client.
    """
    load, numbers, lock = Load(clients), count(), threading.Lock()
    bodies = [multipart_form(path.name, path.read_bytes()) for path in images]
    begun = time.perf_counter()

    def client() -> None:
        with closing(FormClient(url, headers, timeout=TIMEOUT)) as camera:
            while time.perf_counter() - begun < seconds:
                at = next(numbers)
                number, started = at % len(bodies), time.perf_counter()
                if rate is not None:
                    due = begun + at / rate
                    time.sleep(max(0.0, due - started))
                    started = due
                reply = camera.post(bodies[number])
                status, answer = _accepted(reply)
                took = 1000 * (time.perf_counter() - started)
                if reply.error:
                    time.sleep(RETRY_SECONDS)
                with lock:
                    load.statuses[status] += 1
                    if answer is not None:
                        load.latencies_ms.append(took)
                        load.answers.append((number, answer))
                        load.add_server_timing(reply.timing)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - begun
    return load


def _accepted(reply: Reply) -> tuple[str, dict[str, object] | None]:
    """Return status or error as text, and the JSON body of an accepted part."""
    status = reply.error or str(reply.status)
    if status not in ACCEPTED:
        return status, None
    try:
        return status, json.loads(reply.content)
    except ValueError as error:
        return type(error).__name__, None
