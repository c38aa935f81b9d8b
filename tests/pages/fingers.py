"""Fingers on a phone's screen: strokes of one or more at once."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

Stroke = list[tuple[float, float]]


def touch(page: Page, *strokes: Stroke) -> None:
    """Fingers on the glass at once, each along its own points."""
    hand = page.context.new_cdp_session(page)

    def send(kind: str, points: Stroke) -> None:
        fingers: list[dict[str, Any]] = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    steps = list(zip(*strokes, strict=True))
    send("touchStart", list(steps[0]))
    for points in steps[1:]:
        send("touchMove", list(points))
    send("touchEnd", [])


def swipe_path(start: float, end: float, y: float = 250) -> Stroke:
    """A finger's way in ten steps."""
    return [(start + (end - start) * step / 10, y) for step in range(11)]
