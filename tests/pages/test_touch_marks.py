"""Marks by finger: on the workbench, beside swipes and zooming, and on a part's page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.datasets import datasets
from tests.browser import Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.fingers import swipe_path, touch
from tests.pages.marking import assert_near, finger_drag, marks_of, open_part, open_workbench, picture, rest, tap
from tests.pages.workbench import expect_part, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def phone(phone_page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson) -> Page:
    """The workbench on a phone, with three parts."""
    for number in range(3):
        receive(f"P-{number}", 1)
    login(phone_page, make_person("ada"))
    open_workbench(phone_page)
    return phone_page


def test_a_tap_marks_and_a_swipe_fails(phone: Page, product: Product) -> None:
    frames = phone.locator("#part .marks i")
    tap(phone, 0.25, 0.5)
    expect(frames).to_have_count(1)
    rest(phone)
    tap(phone, 0.6, 0.3)
    expect(frames).to_have_count(2)
    rest(phone)
    tap(phone, 0.25, 0.5)
    expect(frames).to_have_count(1)
    touch(phone, swipe_path(300, 120))
    expect_part(phone, "P-1")
    wait_until_saved(phone)
    assert_near(marks_of("P-0"), (0.6, 0.3, 0, 0))
    (sample,) = datasets.samples(product)
    assert sample.marks == marks_of("P-0")


def test_two_fingers_and_a_swipe_set_no_mark(phone: Page) -> None:
    frames = phone.locator("#part .marks i")
    width = picture(phone).width
    touch(phone, swipe_path(180, 120), swipe_path(210, 270))
    assert picture(phone).width > 2 * width
    touch(phone, swipe_path(150, 250))
    expect(frames).to_have_count(0)
    tap(phone, 0.5, 0.5)
    expect(frames).to_have_count(1)
    phone.get_by_role("button", name="FAIL").first.tap()
    wait_until_saved(phone)
    assert_near(marks_of("P-0"), (0.5, 0.5, 0, 0))


def test_a_finger_that_holds_still_draws_a_rectangle(phone: Page) -> None:
    before = picture(phone)
    finger_drag(phone, (0.7, 0.3), (0.3, 0.5))
    expect(phone.locator("#part .marks i")).to_have_count(1)
    assert picture(phone) == before
    # In a zoomed image too, where a finger that moves at once moves the part.
    touch(phone, swipe_path(180, 120), swipe_path(210, 270))
    shown = picture(phone)
    assert shown.width > 2 * before.width
    finger_drag(phone, (0.45, 0.45), (0.55, 0.5))
    expect(phone.locator("#part .marks i")).to_have_count(2)
    assert picture(phone) == shown
    rest(phone)
    phone.get_by_role("button", name="FAIL").first.tap()
    expect_part(phone, "P-1")
    wait_until_saved(phone)
    assert_near(marks_of("P-0"), (0.3, 0.3, 0.4, 0.2), (0.45, 0.45, 0.1, 0.05))


def test_two_fingers_that_hold_still_zoom_and_set_no_mark(phone: Page) -> None:
    width = picture(phone).width
    touch(phone, swipe_path(180, 120), swipe_path(210, 270), hold=0.7)
    assert picture(phone).width > 2 * width
    expect(phone.locator("#part .marks i")).to_have_count(0)
    expect_part(phone, "P-0")


def test_a_finger_that_holds_still_draws_on_the_parts_page(phone: Page, receive: Receive) -> None:
    open_part(phone, receive("P-3", 1))
    tap(phone, 0.3, 0.7)
    rest(phone)
    finger_drag(phone, (0.3, 0.7), (0.6, 0.2))
    expect(phone.locator(".marks i")).to_have_count(2)
    assert phone.evaluate("scrollY") == 0
    rest(phone)
    phone.get_by_role("button", name="FAIL", exact=True).tap()
    expect(phone.locator(".messages")).to_contain_text("Labeled FAIL")
    assert_near(marks_of("P-3"), (0.3, 0.7, 0, 0), (0.3, 0.2, 0.3, 0.5))


def test_a_finger_marks_on_the_parts_page_and_still_scrolls(phone: Page, receive: Receive) -> None:
    part = receive("P-3", 1)
    open_part(phone, part)
    tap(phone, 0.25, 0.5)
    expect(phone.locator(".marks i")).to_have_count(1)
    shown = picture(phone)
    x, y = shown.point(0.5, 0.7)
    touch(phone, [(x, y - 20 * step) for step in range(12)])
    phone.wait_for_timeout(300)
    assert phone.evaluate("scrollY") > 50
    expect(phone.locator(".marks i")).to_have_count(1)
    phone.get_by_role("button", name="FAIL", exact=True).tap()
    expect(phone.locator(".messages")).to_contain_text("Labeled FAIL")
    assert_near(marks_of("P-3"), (0.25, 0.5, 0, 0))
