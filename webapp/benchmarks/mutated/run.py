"""Posting of mutated images by several clients, with checks of answers, times and memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from mltasks.vision.benchmarks.printing import PrintLine, print_line, print_verdict
from webapp.benchmarks.mutated.mutations import Mutations
from webapp.benchmarks.serving import ours
from webapp.benchmarks.serving.form_client import FormClient, multipart_form
from webapp.benchmarks.serving.processes import PeakMemory, megabytes

CLIENTS = 4
# Images made before each round of posting: drawing during the round would take the server's processor time.
IMAGES_AHEAD = 150
WARMUP_IMAGES = 6  # intact images of each client before the measurement
MAX_SLOWEST = 8  # number of slowest answers in the list
MAX_P99_MS, MAX_MEMORY_MB = 1000.0, 700.0  # milliseconds; megabytes of each web process
SAMPLE_SECONDS = 1.0  # seconds between memory samples
SETTLE_SECONDS = 6.0  # seconds after the last image
TIMEOUT = 60


@dataclass(frozen=True, order=True)
class ImageResponse:
    """Response to one image, by its number and its size in bytes.

    ``status`` is 0 without an answer. ``steps`` is the header Server-Timing.
    """

    milliseconds: float
    status: int
    image: int
    size: int
    steps: str


@dataclass
class LoadOutcome:
    """Responses, and megabytes of each web process before, at peak and after."""

    answers: list[ImageResponse] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    peak: float = 0.0
    after: list[float] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """Return the number of responses by status."""
        return Counter(answer.status for answer in self.answers)

    def percentile(self, percent: int) -> float:
        """Return a percentile of the response times in milliseconds."""
        return float(np.percentile([answer.milliseconds for answer in self.answers], percent))

    def violations(self) -> Iterator[str]:
        """Yield a sentence for each broken limit."""
        errors = {status: number for status, number in self.statuses.items() if status >= 500 or status == 0}
        if errors:
            yield f"requests without an answer (0) or with a server error: {errors}"
        if (p99 := self.percentile(99)) > MAX_P99_MS:
            yield f"p99 is {p99:.0f} ms, above the limit of {MAX_P99_MS:.0f} ms"
        if max(self.after) > MAX_MEMORY_MB:
            yield f"a web process kept {max(self.after):.0f} MB, above the limit of {MAX_MEMORY_MB:.0f} MB"

    def slowest(self) -> str:
        """Return the slowest responses as lines."""
        slow = sorted(self.answers, reverse=True)[:MAX_SLOWEST]
        return "".join(
            f"{answer.milliseconds:6.0f} ms, {answer.status}, image {answer.image} of {answer.size / 2**20:.1f} MB"
            f" ({answer.steps})\n"
            for answer in slow
        )

    def summary(self) -> str:
        """Return all figures in one line."""
        times = ", ".join(f"p{percent} {self.percentile(percent):.0f}" for percent in (50, 95, 99))
        return (
            f"{len(self.answers):,} images, answers {dict(sorted(self.statuses.items()))}, "
            f"{times} ms; MB of the web processes "
            f"{_rounded_text(self.before)} before, at most {self.peak:.0f}, {_rounded_text(self.after)} after"
        )


def run(folder: Path, number: int, seed: int) -> int:
    """Post ``number`` mutated images to a temporary site, print the figures and return the exit status."""
    with ours.running_site(folder, print_line) as site:
        images = Mutations(seed)
        print_line("posting ...")
        outcome = post_all(site.url, site.keys["crops"], images, number, site.web_processes, print_line)
    print_line(f"{outcome.summary()}\n{outcome.slowest()}".rstrip("\n"))
    return print_verdict(list(outcome.violations()))


def post_all(
    url: str,
    key: str,
    images: Mutations,
    number: int,
    processes: Callable[[], Sequence[psutil.Process]],
    say: PrintLine = lambda _: None,
) -> LoadOutcome:
    """Post ``number`` images by CLIENTS clients and sample the processes' memory each second."""
    outcome = LoadOutcome(before=megabytes(processes()))
    with PeakMemory(processes, every=SAMPLE_SECONDS) as memory, ThreadPoolExecutor(CLIENTS) as pool:
        # Each process loads the champion at its first part.
        whole = list(enumerate(map(images.whole, range(WARMUP_IMAGES))))
        list(pool.map(partial(_post_images, url, key), [whole] * CLIENTS))
        for first in range(0, number, IMAGES_AHEAD):
            numbers = range(first, min(first + IMAGES_AHEAD, number))
            made = list(zip(numbers, pool.map(images.image, numbers), strict=True))
            shares = [made[client::CLIENTS] for client in range(CLIENTS)]
            for answers in pool.map(partial(_post_images, url, key), shares):
                outcome.answers += answers
            say(f"{len(outcome.answers):,} of {number:,}")
    outcome.peak = memory.peak
    time.sleep(SETTLE_SECONDS)
    outcome.after = megabytes(processes())
    return outcome


def _post_images(url: str, key: str, made: Sequence[tuple[int, bytes]]) -> list[ImageResponse]:
    """Post images over one connection, one after the other."""
    answers = []
    with closing(FormClient(url, {"Authorization": f"Api-Key {key}"}, timeout=TIMEOUT)) as camera:
        for number, image in made:
            form = multipart_form(f"part-{number}", image)
            begun = time.perf_counter()
            reply = camera.post(form)
            answers.append(
                ImageResponse(1000 * (time.perf_counter() - begun), reply.status, number, len(image), reply.timing)
            )
    return answers


def _rounded_text(megabytes: Sequence[float]) -> str:
    return " + ".join(f"{size:.0f}" for size in megabytes)
