"""Clients that post images as cameras do: each keeps its connection and sends its next part once it has the answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

BOUNDARY = "second-look-bench"
TIMEOUT = 120
AWAY = 0.2  # seconds until a client asks again after a server that was not there


@dataclass
class Load:
    """What some clients saw. ``taken`` are milliseconds; ``answers`` the bodies of what was accepted, with the number
    of the image that each is about, ``steps`` the milliseconds that the server says it spent (`Server-Timing`)."""

    clients: int
    seconds: float = 0.0
    taken: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Accepted parts a second."""
        return len(self.answers) / self.seconds if self.seconds else 0.0

    def at(self, percent: float) -> float:
        """The percentile in milliseconds."""
        return float(np.percentile(self.taken, percent)) if self.taken else float("nan")

    def note_steps(self, timing: str) -> None:
        """Add the steps of one answer."""
        for entry in filter(None, timing.split(", ")):
            name, _, milliseconds = entry.partition(";dur=")
            self.steps.setdefault(name, []).append(float(milliseconds))


def post(
    url: str,
    images: Sequence[Path],
    clients: int,
    seconds: float,
    headers: Mapping[str, str],
    *,
    rate: float | None = None,
) -> Load:
    """Post the images in turn for so long by so many clients, each a thread. With a ``rate`` parts a second are due on
    time, whichever client is free; what a part waits for a client counts."""
    load, numbers, lock = Load(clients), count(), threading.Lock()
    bodies = [form(path.name, path.read_bytes()) for path in images]
    begun = time.perf_counter()

    def client() -> None:
        address = urlsplit(url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT)
        while time.perf_counter() - begun < seconds:
            at = next(numbers)
            number, started = at % len(bodies), time.perf_counter()
            answer, timing = None, ""
            if rate is not None:
                due = begun + at / rate
                time.sleep(max(0.0, due - started))
                started = due
            try:
                connection.request("POST", address.path, bodies[number], form_headers(headers))
                response = connection.getresponse()
                content, status = response.read(), str(response.status)
                timing = response.headers.get("Server-Timing", "")
                answer = json.loads(content) if response.status in (200, 201) else None
            except (OSError, http.client.HTTPException, ValueError) as error:
                status = type(error).__name__
                connection.close()
                time.sleep(AWAY)
            took = 1000 * (time.perf_counter() - started)
            with lock:
                load.statuses[status] += 1
                if answer is not None:
                    load.taken.append(took)
                    load.answers.append((number, answer))
                    load.note_steps(timing)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - begun
    return load


def form_headers(more: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request whose body is a `form`."""
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **more}


def form(name: str, image: bytes) -> bytes:
    """Return the multipart form of one image, as a camera sends it."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
