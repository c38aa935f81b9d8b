"""Load of several cameras: each keeps its connection and posts the next part after the last answer."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from mltasks.vision.benchmarks.printing import print_line
from webapp.benchmarks.serving.form_client import FormClient, Reply, multipart_form

TIMEOUT = 120
RETRY_SECONDS = 0.2  # seconds until a client posts again when the server is unavailable
# Seconds for which a part is sent again: longer than the lease of a part whose process was killed
RESEND_SECONDS = 90.0
PROGRESS_SECONDS = 30.0


@dataclass
class Load:
    """Results of one load.

    ``latencies_ms`` are milliseconds. ``statuses`` count requests. ``answers`` are the bodies of accepted parts, with
    the number of the posted image. ``steps`` are the server's milliseconds by step (`Server-Timing`). ``unanswered``
    counts parts without an answer in the end. ``client_seconds`` is the processor time of this process.
    """

    clients: int
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)
    unanswered: int = 0
    client_seconds: float = 0.0

    @property
    def refusals(self) -> dict[str, int]:
        """Return the number of requests without an accepted part, by status."""
        return {status: number for status, number in self.statuses.items() if status not in ("200", "201")}

    @property
    def rate(self) -> float:
        """Return accepted parts a second."""
        return len(self.answers) / self.seconds if self.seconds else 0.0

    @property
    def verdicts(self) -> Counter[object]:
        """Return the number of parts by answered verdict; empty for the peer, which has none."""
        return Counter(answer["verdict"] for _, answer in self.answers if "verdict" in answer)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return float(np.percentile(self.latencies_ms, percent)) if self.latencies_ms else float("nan")

    def add(self, number: int, milliseconds: float, replies: Sequence[Reply]) -> None:
        """Add the replies to one part; only the last one may have accepted it."""
        self.statuses.update(reply.outcome for reply in replies)
        if not replies[-1].accepted:
            self.unanswered += 1
            return
        self.latencies_ms.append(milliseconds)
        self.answers.append((number, json.loads(replies[-1].content)))
        for entry in filter(None, replies[-1].timing.split(", ")):
            name, _, duration = entry.partition(";dur=")
            self.steps.setdefault(name, []).append(float(duration))


def post_images(
    url: str | Sequence[str],
    images: Sequence[Path],
    clients: int,
    seconds: float,
    headers: Mapping[str, str],
    *,
    rate: float | None = None,
    resend: bool = False,
) -> Load:
    """Post the images in turn for ``seconds`` seconds by ``clients`` clients, each a thread.

    Several addresses are distributed over the clients.
    With a ``rate``, parts are due on time at any free client. A part's latency includes its wait for a client. With
    ``resend``, each part has an idempotency key and is sent again until it is answered. Raises ValueError when an
    accepted answer is no JSON.
    """
    load, numbers = Load(clients), count()
    addresses = [url] if isinstance(url, str) else url
    bodies = [multipart_form(path.name, path.read_bytes()) for path in images]
    posted: list[tuple[int, float, list[Reply]]] = []
    begun, client_begun = time.perf_counter(), time.process_time()

    def post_in_turn(address: str) -> None:
        with closing(FormClient(address, headers, timeout=TIMEOUT)) as camera:
            while time.perf_counter() - begun < seconds:
                at = next(numbers)
                started = time.perf_counter()
                if rate is not None:
                    due = begun + at / rate
                    time.sleep(max(0.0, due - started))
                    started = due
                replies = _post_until_answered(camera, bodies[at % len(bodies)], RESEND_SECONDS if resend else 0.0)
                posted.append((at % len(bodies), 1000 * (time.perf_counter() - started), replies))

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(post_in_turn, addresses[client % len(addresses)]) for client in range(clients)]
        while wait(running, PROGRESS_SECONDS).not_done:
            print_line(f"  {time.perf_counter() - begun:.0f} s: {len(posted):,} parts posted")
    load.seconds = time.perf_counter() - begun
    load.client_seconds = time.process_time() - client_begun
    for finished in running:
        finished.result()
    for number, milliseconds, replies in posted:
        load.add(number, milliseconds, replies)
    return load


def _post_until_answered(camera: FormClient, form: bytes, resend_seconds: float) -> list[Reply]:
    """Post one part; for ``resend_seconds``, send it again with its idempotency key while it is not answered."""
    key = {"Idempotency-Key": str(uuid.uuid4())} if resend_seconds else {}
    deadline = time.perf_counter() + resend_seconds
    replies = [camera.post(form, key)]
    while replies[-1].may_succeed_later and time.perf_counter() < deadline:
        time.sleep(RETRY_SECONDS)
        replies.append(camera.post(form, key))
    if replies[-1].error and not resend_seconds:
        time.sleep(RETRY_SECONDS)
    return replies
