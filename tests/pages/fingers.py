"""Fingers on a phone's screen: strokes of one or more at once."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

STEP = 0.016
Stroke = list[tuple[float, float]]


def touch(page: Page, *strokes: Stroke, hold: float = 0) -> None:
    """Fingers on the glass at once, each along its own points, after holding still for ``hold`` seconds.

    A step takes 16 ms by the events' own time, however busy the machine is: a slow stroke would be a held one.
    """
    hand = page.context.new_cdp_session(page)
    start = time.time()

    def send(kind: str, points: Stroke, after: float) -> None:
        time.sleep(max(0, start + after - time.time()))
        fingers: list[dict[str, Any]] = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers, "timestamp": start + after})

    steps = list(zip(*strokes, strict=True))
    send("touchStart", list(steps[0]), 0)
    for number, points in enumerate(steps[1:], 1):
        send("touchMove", list(points), hold + number * STEP)
    send("touchEnd", [], hold + len(steps) * STEP)


def swipe_path(start: float, end: float, y: float = 250) -> Stroke:
    """A finger's way in ten steps."""
    return [(start + (end - start) * step / 10, y) for step in range(11)]
