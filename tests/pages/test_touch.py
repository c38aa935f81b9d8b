"""A phone at 390 px: buttons for a thumb, a swipe for a verdict, two fingers for a closer look."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from inspection.models import Product
from tests.browser import PHONE, Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.fingers import swipe_path, touch
from tests.pages.marking import open_workbench
from tests.pages.workbench import expect_part, standing_verdicts, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def phone(phone_page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson) -> Page:
    """The workbench on a phone, with five parts."""
    for number in range(5):
        receive(f"P-{number}")
    login(phone_page, make_person("ada"))
    open_workbench(phone_page)
    return phone_page


def test_swipes_and_buttons_judge(phone: Page) -> None:
    expect_part(phone, "P-0")
    touch(phone, swipe_path(120, 300))
    expect_part(phone, "P-1")
    touch(phone, swipe_path(300, 120))
    expect_part(phone, "P-2")
    touch(phone, swipe_path(200, 250))  # too short a way for a verdict
    phone.wait_for_timeout(200)
    expect_part(phone, "P-2")
    phone.get_by_role("button", name="scratch").tap()
    expect_part(phone, "P-3")
    phone.get_by_role("button", name="PASS").tap()
    expect_part(phone, "P-4")
    wait_until_saved(phone)
    assert standing_verdicts() == {"P-0": "PASS", "P-1": "FAIL", "P-2": "FAIL scratch", "P-3": "PASS"}
    phone.get_by_role("button", name="Undo").tap()
    expect_part(phone, "P-3")


def test_two_fingers_zoom_and_one_moves_the_part_without_a_verdict(phone: Page) -> None:
    expect_part(phone, "P-0")
    width = "image => image.getBoundingClientRect().width"
    before = phone.locator(".part-image").evaluate(width)
    touch(phone, swipe_path(180, 120), swipe_path(210, 270))
    after = phone.locator(".part-image").evaluate(width)
    assert after > 3 * before
    left = "image => image.getBoundingClientRect().left"
    at = phone.locator(".part-image").evaluate(left)
    touch(phone, swipe_path(120, 300))
    assert phone.locator(".part-image").evaluate(left) > at
    phone.wait_for_timeout(300)
    expect_part(phone, "P-0")
    assert standing_verdicts() == {}


def test_nothing_a_finger_needs_is_too_small_or_out_of_sight(phone: Page) -> None:
    within = [phone.get_by_role("button", name=name) for name in ("PASS", "FAIL", "scratch", "Undo", "Skip", "Last")]
    for one in [*within, phone.locator(".light summary")]:
        box = one.bounding_box()
        assert box is not None
        assert box["width"] >= 36 and box["height"] >= 36, box
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], box
        assert box["y"] + box["height"] <= PHONE["height"], box
