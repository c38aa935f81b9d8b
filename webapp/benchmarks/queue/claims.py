"""Timing of reviewers: claim, verdict, next claim."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from labeling.queue import queue
from labeling.review import review
from webapp.benchmarks.queue.filling import BenchData
from webapp.benchmarks.queue.pages import logged_in_client
from webapp.benchmarks.queue.timing import Timing

CLAIM_LIMIT_MS, VERDICT_LIMIT_MS = 20.0, 60.0  # milliseconds
# Seconds between a claim and its verdict: nearly twice as fast as a thousand verdicts an hour.
PAUSE_SECONDS = (1.0, 3.0)


@dataclass
class ReviewTimes:
    """Times of claims and verdicts, and the ids of the reviewed parts."""

    claims: Timing
    verdicts: Timing
    parts: list[object] = field(default_factory=list)


def time_one_reviewer(line: BenchData, count: int) -> ReviewTimes:
    """Time one reviewer without pauses."""
    work = ReviewTimes(Timing("claim, one reviewer", CLAIM_LIMIT_MS), Timing("verdict, one reviewer", VERDICT_LIMIT_MS))
    _review_parts(line, line.reviewers[0], work, count, pause=False)
    return work


def time_reviewers_at_once(line: BenchData, count: int) -> ReviewTimes:
    """Time all reviewers, each in a thread with its own connection, 1 to 3 seconds a part."""
    number = len(line.reviewers)
    work = ReviewTimes(
        Timing(f"claim, {number} reviewers at once", CLAIM_LIMIT_MS), Timing(f"verdict, {number} reviewers at once")
    )

    def alone(person: User) -> None:
        try:
            # As on a running server: connected, and reviewers do not all begin at the same moment.
            connection.ensure_connection()
            time.sleep(random.uniform(0, PAUSE_SECONDS[1]))  # noqa: S311 - a pace, no secret
            _review_parts(line, person, work, count, pause=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        list(pool.map(alone, line.reviewers))
    return work


def time_one_client(line: BenchData, count: int) -> ReviewTimes:
    """Time one reviewer over REST without pauses: session, permissions, the part as JSON."""
    work = ReviewTimes(Timing("claim, over REST"), Timing("verdict, over REST"))
    client = logged_in_client(line.reviewers[0])
    for _ in range(count):
        claim = work.claims.time(lambda: _post(client, "/api/v1/queue/claim/", {"product": line.product.slug}))
        part, address = claim["inspection"], f"/api/v1/queue/{claim['claim']}/verdict/"
        body = {"verdict": "FAIL" if part["label"] == "FAIL" else "PASS"}
        work.verdicts.time(lambda: _post(client, address, body))  # noqa: B023 - called at once
        work.parts.append(UUID(part["id"]))
    return work


def _post(client: Client, address: str, body: dict[str, str]) -> dict[str, Any]:
    answer = client.post(address, body, content_type="application/json")
    if answer.status_code not in (200, 201):
        raise RuntimeError(f"{address} answered {answer.status_code}")
    content: dict[str, Any] = answer.json()
    return content


def _review_parts(line: BenchData, person: User, work: ReviewTimes, count: int, *, pause: bool) -> None:
    for _ in range(count):
        claim = work.claims.time(lambda: queue.claim(reviewer=person, product=line.product))
        if claim is None:
            raise RuntimeError("The queue is empty: too few parts wait for so many reviews.")
        if pause:
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - a pace, no secret
        verdict = "FAIL" if claim.inspection.model_verdict == "FAIL" else "PASS"
        work.verdicts.time(lambda: review.resolve(claim, verdict=verdict))  # noqa: B023 - called at once
        work.parts.append(claim.inspection_id)
