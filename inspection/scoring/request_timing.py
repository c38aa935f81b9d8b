"""Request timing: seconds per step of intake, for `Server-Timing` and Prometheus.

Steps are recorded where they happen and collected by the surrounding request. Outside a request, as in a worker, a step
costs two reads of a variable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prometheus_client import Histogram

RECEIVE, DECODE, STORE, SCORE, DATABASE = STEPS = ("receive", "decode", "store", "score", "database")
StepTimes = dict[str, float]

_SECONDS = Histogram(
    "second_look_intake_step_seconds",
    "Seconds per intake step: request body, decoding, disk, model and PostgreSQL.",
    ["step"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_current: ContextVar[StepTimes | None] = ContextVar("step_times", default=None)


@contextmanager
def record() -> Iterator[StepTimes]:
    """Collect the block's steps as seconds by name, and pass them to Prometheus at the end."""
    taken: StepTimes = {}
    token = _current.set(taken)
    try:
        yield taken
    finally:
        _current.reset(token)
        for name, seconds in taken.items():
            _SECONDS.labels(name).observe(seconds)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Time one of ``STEPS``; the times of a repeated step are added."""
    taken = _current.get()
    if taken is None:
        yield
        return
    begun = time.perf_counter()
    try:
        yield
    finally:
        taken[name] = taken.get(name, 0.0) + time.perf_counter() - begun


def server_timing_header(taken: StepTimes, total: float) -> str:
    """Return the value of `Server-Timing` (W3C) in milliseconds; ``total`` is in seconds."""
    times = [(name, taken[name]) for name in STEPS if name in taken]
    return ", ".join(f"{name};dur={1000 * seconds:.1f}" for name, seconds in [*times, ("total", total)])
