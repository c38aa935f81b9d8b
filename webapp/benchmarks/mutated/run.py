"""Post the images by some clients: was every answer one, in time, and what memory did the processes keep?"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import numpy as np
import psutil

from webapp.benchmarks.mutated.mutations import Mutations
from webapp.benchmarks.serving.load import form, form_headers

CLIENTS = 4
# So many images are made, then posted: whoever draws beside the server takes the processor that it is measured on.
AHEAD = 150
WARM = 6  # whole images of each client before the first that counts
SLOWEST = 8  # of the answers are listed
MOST_P99, MOST_MEMORY = 1000.0, 700.0  # milliseconds, megabytes of each web process
SETTLE = 6.0  # seconds after the last image
TIMEOUT = 60


@dataclass(frozen=True, order=True)
class Answer:
    """To the image of that number and size in bytes; a status of 0 where none came. ``steps`` is the server's own
    account, its header Server-Timing."""

    milliseconds: float
    status: int
    image: int
    size: int
    steps: str


@dataclass
class Outcome:
    """The answers, and the megabytes of each web process: before the first, at the most, after the last."""

    answers: list[Answer] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    peak: float = 0.0
    after: list[float] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """Return the number of answers by status."""
        return Counter(answer.status for answer in self.answers)

    def percentile(self, percent: int) -> float:
        """Return that percentile of the answers' milliseconds."""
        return float(np.percentile([answer.milliseconds for answer in self.answers], percent))

    def faults(self) -> Iterator[str]:
        """Yield a sentence for all that is not as promised."""
        errors = {status: number for status, number in self.statuses.items() if status >= 500 or status == 0}
        if errors:
            yield f"answers that were none, or errors of the server: {errors}"
        if (p99 := self.percentile(99)) > MOST_P99:
            yield f"p99 is {p99:.0f} ms, promised are {MOST_P99:.0f}"
        if max(self.after) > MOST_MEMORY:
            yield f"a web process kept {max(self.after):.0f} MB, promised are {MOST_MEMORY:.0f}"

    def slowest(self) -> str:
        """Return the slowest answers, in lines."""
        slow = sorted(self.answers, reverse=True)[:SLOWEST]
        return "".join(
            f"{answer.milliseconds:6.0f} ms, {answer.status}, image {answer.image} of {answer.size / 2**20:.1f} MB"
            f" ({answer.steps})\n"
            for answer in slow
        )

    def line(self) -> str:
        """Return all figures in a line."""
        times = ", ".join(f"p{percent} {self.percentile(percent):.0f}" for percent in (50, 95, 99))
        return (
            f"{len(self.answers):,} images, answers {dict(sorted(self.statuses.items()))}, "
            f"{times} ms; MB of the web processes "
            f"{_rounded(self.before)} before, at most {self.peak:.0f}, {_rounded(self.after)} after"
        )


def post_all(
    url: str,
    key: str,
    images: Mutations,
    number: int,
    processes: Callable[[], Sequence[psutil.Process]],
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Post so many images by CLIENTS clients, and look at the processes' memory each second."""
    outcome, over = Outcome(before=_megabytes(processes())), threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            outcome.peak = max(outcome.peak, *_megabytes(processes()), 0.0)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        # Each process loads the champion with its first part.
        whole = list(enumerate(map(images.whole, range(WARM))))
        list(pool.map(partial(_client, url, key), [whole] * CLIENTS))
        for first in range(0, number, AHEAD):
            numbers = range(first, min(first + AHEAD, number))
            made = list(zip(numbers, pool.map(images.image, numbers), strict=True))
            shares = [made[client::CLIENTS] for client in range(CLIENTS)]
            for answers in pool.map(partial(_client, url, key), shares):
                outcome.answers += answers
            say(f"{len(outcome.answers):,} of {number:,}")
    over.set()
    watcher.join()
    time.sleep(SETTLE)
    outcome.after = _megabytes(processes())
    return outcome


def told(outcome: Outcome) -> int:
    """Print the figures and what is wrong. Return the exit status."""
    sys.stdout.write(f"{outcome.line()}\n{outcome.slowest()}")
    wrong = list(outcome.faults())
    sys.stdout.writelines(f"WRONG  {sentence}\n" for sentence in wrong)
    sys.stdout.write("FAIL\n" if wrong else "PASS\n")
    return int(bool(wrong))


def _client(url: str, key: str, made: Sequence[tuple[int, bytes]]) -> list[Answer]:
    """Post these images over one connection, one after the other."""
    address, answers = urlsplit(url), []
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT)
    for number, image in made:
        body = form(f"part-{number}", image)
        begun = time.perf_counter()
        status, steps = _post(connection, address.path, key, body)
        answers.append(Answer(1000 * (time.perf_counter() - begun), status, number, len(image), steps))
    connection.close()
    return answers


def _post(connection: http.client.HTTPConnection, path: str, key: str, body: bytes) -> tuple[int, str]:
    """Return the status, 0 where no answer came, and the server's account of its steps."""
    try:
        connection.request("POST", path, body, form_headers({"Authorization": f"Api-Key {key}"}))
        with connection.getresponse() as response:
            response.read()
            return response.status, response.headers.get("Server-Timing", "")
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0, ""


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
