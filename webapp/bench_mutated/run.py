"""Posts the images by some clients: was every answer one, in time, and what memory did the processes keep?"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import numpy as np
import psutil

from webapp.bench_mutated.mutations import Mutations
from webapp.bench_serving.load import BOUNDARY

CLIENTS = 4
MOST_P99, MOST_MEMORY = 1000.0, 700.0  # milliseconds, megabytes of each web process
SETTLE = 6.0  # seconds after the last image
TIMEOUT = 60


@dataclass
class Outcome:
    """Answers by status, milliseconds of each, and the megabytes of each web process: first, at the most, last."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    peak: float = 0.0
    after: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """Return the 99th percentile of the answers' milliseconds."""
        return float(np.percentile(self.milliseconds, 99))

    def faults(self) -> Iterator[str]:
        """Yield a sentence for all that is not as promised."""
        errors = {status: number for status, number in self.statuses.items() if status >= 500 or status == 0}
        if errors:
            yield f"answers that were none, or errors of the server: {errors}"
        if self.p99 > MOST_P99:
            yield f"p99 is {self.p99:.0f} ms, promised are {MOST_P99:.0f}"
        if max(self.after) > MOST_MEMORY:
            yield f"a web process kept {max(self.after):.0f} MB, promised are {MOST_MEMORY:.0f}"

    def line(self) -> str:
        """Return all figures in a line."""
        times = [float(np.percentile(self.milliseconds, percent)) for percent in (50, 95, 99)]
        return (
            f"{len(self.milliseconds):,} images, answers {dict(sorted(self.statuses.items()))}, "
            f"p50 {times[0]:.0f}, p95 {times[1]:.0f}, p99 {times[2]:.0f} ms; MB of the web processes "
            f"{_rounded(self.before)} before, at most {self.peak:.0f}, {_rounded(self.after)} after"
        )


def post_all(
    url: str, key: str, images: Mutations, number: int, processes: Callable[[], Sequence[psutil.Process]]
) -> Outcome:
    """Post so many images by CLIENTS clients, and look at the processes' memory each second."""
    outcome, numbers, lock, over = Outcome(before=_megabytes(processes())), count(), threading.Lock(), threading.Event()

    def client() -> None:
        address = urlsplit(url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT)
        while (at := next(numbers)) < number:
            body = _form(images.image(at))
            begun = time.perf_counter()
            status = _post(connection, address.path, key, body)
            took = 1000 * (time.perf_counter() - begun)
            with lock:
                outcome.statuses[status] += 1
                outcome.milliseconds.append(took)
        connection.close()

    def watch() -> None:
        while not over.wait(1.0):
            outcome.peak = max(outcome.peak, *_megabytes(processes()), 0.0)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    watcher = threading.Thread(target=watch, daemon=True)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    watcher.join()
    time.sleep(SETTLE)
    outcome.after = _megabytes(processes())
    return outcome


def told(outcome: Outcome) -> int:
    """Print the figures and what is wrong. Return the exit status."""
    sys.stdout.write(f"{outcome.line()}\n")
    wrong = list(outcome.faults())
    sys.stdout.writelines(f"WRONG  {sentence}\n" for sentence in wrong)
    sys.stdout.write("FAIL\n" if wrong else "PASS\n")
    return int(bool(wrong))


def _post(connection: http.client.HTTPConnection, path: str, key: str, body: bytes) -> int:
    """Return the status; 0 where no answer came."""
    headers = {"Authorization": f"Api-Key {key}", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    try:
        connection.request("POST", path, body, headers)
        with connection.getresponse() as response:
            response.read()
            return response.status
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0


def _form(image: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="part"\r\n\r\n'
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()


def _megabytes(processes: Sequence[psutil.Process]) -> list[float]:
    found = []
    for process in processes:
        try:
            found.append(process.memory_info().rss / 2**20)
        except psutil.Error:
            continue  # it was replaced just now
    return found


def _rounded(megabytes: Sequence[float]) -> str:
    return " + ".join(f"{one:.0f}" for one in megabytes)
