"""Steps that run at the same moment, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

R = TypeVar("R")


def run_concurrently(steps: list[Callable[[], R]]) -> list[R]:
    """Run every step in its own thread and connection, all started together."""
    gate = Barrier(len(steps))

    def run(step: Callable[[], R]) -> R:
        try:
            connection.ensure_connection()
            gate.wait(timeout=60)
            return step()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(run, steps))
