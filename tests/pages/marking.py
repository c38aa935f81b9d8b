"""Marks that a reviewer sets with a mouse or a finger, and the marks that were stored."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Inspection
from labeling.models import Label
from mltasks.vision.types import Mark, parse_marks
from tests.pages.fingers import touch

Spot = tuple[float, float]


class Picture(NamedTuple):
    """Box of the shown image on the screen, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def point(self, left: float, top: float) -> Spot:
        """Screen position of a place in shares of the image."""
        return self.x + left * self.width, self.y + top * self.height


def picture(page: Page) -> Picture:
    """Return the box of the image that the page shows."""
    box = page.locator(".part-image").evaluate(
        "image => { const { x, y, width, height } = image.getBoundingClientRect(); return [x, y, width, height]; }"
    )
    return Picture(*box)


def click(page: Page, left: float, top: float) -> None:
    """Click a place of the image."""
    page.mouse.click(*picture(page).point(left, top))


def tap(page: Page, left: float, top: float) -> None:
    """Tap a place of the image."""
    page.touchscreen.tap(*picture(page).point(left, top))


def drag(page: Page, start: Spot, end: Spot) -> None:
    """Drag the mouse from one place of the image to another."""
    shown = picture(page)
    page.mouse.move(*shown.point(*start))
    page.mouse.down()
    page.mouse.move(*shown.point(*end), steps=5)
    page.mouse.up()


def finger_drag(page: Page, start: Spot, end: Spot) -> None:
    """Hold a finger on one place of the image, then drag to another."""
    shown = picture(page)
    (x, y), (right, bottom) = shown.point(*start), shown.point(*end)
    stroke = [(x + (right - x) * step / 10, y + (bottom - y) * step / 10) for step in range(11)]
    touch(page, stroke, hold=0.7)


def rest(page: Page) -> None:
    """Wait until the next click is no double click."""
    page.wait_for_timeout(550)


def open_workbench(page: Page) -> None:
    """Open the workbench and wait for its part."""
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()


def open_part(page: Page, part: Inspection) -> None:
    """Open the part's page and wait until its image takes clicks."""
    page.goto(f"/inspections/{part.pk}/")
    wait_for_image(page)


def wait_for_image(page: Page) -> None:
    """Wait until the image of a part's page takes clicks: its script has run and its place is final."""
    expect(page.locator(".part-image")).to_have_js_property("complete", True)
    page.wait_for_function("getComputedStyle(document.querySelector('.stage')).getPropertyValue('--ratio')")


def marks_of(part_id: str) -> tuple[Mark, ...]:
    """Return the marks of the part's standing label."""
    label = Label.objects.standing().get(inspection__part_id=part_id)
    return parse_marks(label.marks or [])


def assert_near(marks: tuple[Mark, ...], *expected: tuple[float, float, float, float]) -> None:
    """Compare marks with sides in shares of the image, to a hundredth."""
    assert len(marks) == len(expected), marks
    for mark, sides in zip(marks, expected, strict=True):
        assert (mark.left, mark.top, mark.width, mark.height) == pytest.approx(sides, abs=0.01)
