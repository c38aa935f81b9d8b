"""Marks on a defect by mouse: on the workbench, down to a snapshot's sample."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.datasets import datasets
from tests.browser import Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.marking import assert_near, click, drag, marks_of, open_workbench, picture, rest
from tests.pages.workbench import expect_part, press_key, standing_verdicts, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bench(page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson) -> Page:
    """The workbench with three parts."""
    for number in range(3):
        receive(f"P-{number}", number)
    login(page, make_person("ada"))
    open_workbench(page)
    return page


@pytest.fixture
def frames(page: Page):
    return page.locator("#part .marks i")


def test_a_click_and_a_drag_are_saved_with_the_next_fail(bench: Page, frames, product: Product) -> None:
    click(bench, 0.25, 0.5)
    drag(bench, (0.75, 0.4), (0.5, 0.2))
    expect(frames).to_have_count(2)
    expect(bench.locator("#say")).to_have_text("Marks: 2. FAIL saves them.")
    press_key(bench, "1")
    expect(frames).to_have_count(0)
    press_key(bench, "f")
    wait_until_saved(bench)
    assert standing_verdicts() == {"P-0": "FAIL scratch", "P-1": "FAIL"}
    assert_near(marks_of("P-0"), (0.25, 0.5, 0, 0), (0.5, 0.2, 0.25, 0.2))
    assert marks_of("P-1") == ()
    (sample,) = (sample for sample in datasets.samples(product) if sample.marks)
    assert sample.marks == marks_of("P-0")


def test_a_second_click_escape_and_a_double_click_take_marks_back(bench: Page, frames) -> None:
    drag(bench, (0.2, 0.2), (0.4, 0.3))
    rest(bench)
    click(bench, 0.7, 0.7)
    expect(frames).to_have_count(2)
    rest(bench)
    click(bench, 0.7, 0.7)
    expect(frames).to_have_count(1)
    bench.keyboard.press("Escape")
    expect(frames).to_have_count(2)
    bench.keyboard.press("Escape")
    expect(frames).to_have_count(1)
    # A double click zooms, here inside the rectangle.
    bench.mouse.dblclick(*picture(bench).point(0.3, 0.25))
    expect(frames).to_have_count(1)
    assert picture(bench).width > 500
    # And here where no mark is: the second press meets the first one's mark.
    bench.mouse.dblclick(*picture(bench).point(0.5, 0.5))
    expect(frames).to_have_count(1)
    assert picture(bench).width < 500
    bench.keyboard.press("Escape")
    expect(frames).to_have_count(0)


def test_a_pass_drops_the_marks_and_says_so(bench: Page, frames) -> None:
    click(bench, 0.25, 0.5)
    press_key(bench, "p")
    expect(bench.locator("#say")).to_contain_text("P-0 PASS has no defect, so the marks were dropped.")
    wait_until_saved(bench)
    assert marks_of("P-0") == ()
    # Undone, the part comes back without them.
    bench.keyboard.press("u")
    expect_part(bench, "P-0")
    expect(frames).to_have_count(0)


def test_an_undone_fail_comes_back_with_its_marks(bench: Page, frames) -> None:
    click(bench, 0.25, 0.5)
    press_key(bench, "f")
    wait_until_saved(bench)
    bench.keyboard.press("u")
    expect_part(bench, "P-0")
    expect(frames).to_have_count(1)
    press_key(bench, "2")
    wait_until_saved(bench)
    assert standing_verdicts() == {"P-0": "FAIL excess"}
    assert_near(marks_of("P-0"), (0.25, 0.5, 0, 0))


def test_a_zoomed_part_moves_and_is_marked_in_the_same_places(bench: Page, frames) -> None:
    for _ in range(4):
        bench.keyboard.press("+")
    before = picture(bench)
    bench.mouse.move(500, 300)
    bench.mouse.down()
    bench.mouse.move(440, 260, steps=5)
    bench.mouse.up()
    after = picture(bench)
    assert (after.x - before.x, after.y - before.y) == pytest.approx((-60, -40), abs=1)
    expect(frames).to_have_count(0)
    click(bench, 0.5, 0.5)
    bench.keyboard.down("Shift")
    drag(bench, (0.45, 0.45), (0.55, 0.6))
    bench.keyboard.up("Shift")
    expect(frames).to_have_count(2)
    press_key(bench, "f")
    wait_until_saved(bench)
    assert_near(marks_of("P-0"), (0.5, 0.5, 0, 0), (0.45, 0.45, 0.1, 0.15))


def test_a_label_has_no_more_marks_than_it_may(bench: Page, frames) -> None:
    for number in range(10):
        drag(bench, (0.1, 0.05 + number / 12), (0.8, 0.09 + number / 12))
    expect(frames).to_have_count(8)
    press_key(bench, "f")
    wait_until_saved(bench)
    assert len(marks_of("P-0")) == 8


def test_marks_are_of_the_whole_image_and_not_of_its_region(
    page: Page, login: Login, product: Product, station, receive: Receive, make_person: MakePerson
) -> None:
    station.roi = "90,165,90,165"
    station.save()
    receive("P-0", 1)
    login(page, make_person("ada"))
    open_workbench(page)
    click(page, 0.75, 0.9)
    press_key(page, "f")
    wait_until_saved(page)
    assert_near(marks_of("P-0"), (0.75, 0.9, 0, 0))
    assert datasets.samples(product)[0].roi is not None


def test_a_verdict_that_waits_for_the_server_keeps_its_marks(bench: Page) -> None:
    bench.route("**/api/v1/queue/**", lambda route: route.abort())
    click(bench, 0.25, 0.5)
    press_key(bench, "f")
    expect(bench.locator("#unsaved")).to_be_visible()
    bench.unroute("**/api/v1/queue/**")
    wait_until_saved(bench)
    assert_near(marks_of("P-0"), (0.25, 0.5, 0, 0))
