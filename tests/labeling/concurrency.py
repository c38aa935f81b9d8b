"""Steps that run at the same moment, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from labeling.queue import queue
from labeling.review import review

R = TypeVar("R")


def judge_all(people: list[User], verdict: str) -> list[UUID]:
    """Let all these people judge what the queue gives them, at once; return the parts that they got."""

    def work(person: User) -> list[UUID]:
        parts = []
        while (claim := queue.claim(reviewer=person)) is not None:
            parts.append(review.resolve(claim, verdict=verdict).inspection_id)
        return parts

    return [part for parts in run_concurrently([partial(work, person) for person in people]) for part in parts]


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
