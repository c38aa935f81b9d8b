"""Marks on a defect, by mouse and by finger: on the workbench and on a part's page, down to a snapshot's sample."""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest
from django.contrib.auth.models import Permission
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from inspection.images.mask_files import store_mask
from inspection.models import Inspection, Product
from labeling.datasets import datasets
from labeling.models import Label
from labeling.queue.queue import claim_part
from labeling.review import review
from mltasks.vision.types import Mark, parse_marks
from tests.browser import PHONE, Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.test_touch import expect_part, swipe_path, touch
from tests.pages.workbench import press_key, standing_verdicts, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Picture(NamedTuple):
    """Box of the shown image on the screen, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def point(self, left: float, top: float) -> tuple[float, float]:
        """Screen position of a place in shares of the image."""
        return self.x + left * self.width, self.y + top * self.height


def picture(page: Page) -> Picture:
    box = page.locator(".part-image").evaluate(
        "image => { const { x, y, width, height } = image.getBoundingClientRect(); return [x, y, width, height]; }"
    )
    return Picture(*box)


def click(page: Page, left: float, top: float) -> None:
    page.mouse.click(*picture(page).point(left, top))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    shown = picture(page)
    page.mouse.move(*shown.point(*start))
    page.mouse.down()
    page.mouse.move(*shown.point(*end), steps=5)
    page.mouse.up()


def rest(page: Page) -> None:
    """Wait until the next click is no double click."""
    page.wait_for_timeout(550)


def marks_of(part_id: str) -> tuple[Mark, ...]:
    label = Label.objects.standing().get(inspection__part_id=part_id)
    return parse_marks(label.marks or [])


def assert_near(marks: tuple[Mark, ...], *expected: tuple[float, float, float, float]) -> None:
    assert len(marks) == len(expected), marks
    for mark, sides in zip(marks, expected, strict=True):
        assert (mark.left, mark.top, mark.width, mark.height) == pytest.approx(sides, abs=0.01)


@pytest.fixture
def bench(page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson) -> Page:
    """The workbench with three parts."""
    for number in range(3):
        receive(f"P-{number}", number)
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
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
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
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


@pytest.fixture
def phone(browser: Browser, live_site: str, login: Login, product: Product, receive: Receive, make_person: MakePerson):
    """The workbench on a phone, with three parts."""
    for number in range(3):
        receive(f"P-{number}", 1)
    context = browser.new_context(
        base_url=live_site, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    page = context.new_page()
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    yield page
    context.close()


def test_a_tap_marks_and_a_swipe_fails(phone: Page, product: Product) -> None:
    frames = phone.locator("#part .marks i")
    phone.touchscreen.tap(*picture(phone).point(0.25, 0.5))
    expect(frames).to_have_count(1)
    rest(phone)
    phone.touchscreen.tap(*picture(phone).point(0.6, 0.3))
    expect(frames).to_have_count(2)
    rest(phone)
    phone.touchscreen.tap(*picture(phone).point(0.25, 0.5))
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
    phone.touchscreen.tap(*picture(phone).point(0.5, 0.5))
    expect(frames).to_have_count(1)
    phone.get_by_role("button", name="FAIL").first.tap()
    wait_until_saved(phone)
    assert_near(marks_of("P-0"), (0.5, 0.5, 0, 0))


@pytest.fixture
def part(product: Product, receive: Receive) -> Inspection:
    return receive("P-0", 1)


def open_part(page: Page, part: Inspection) -> None:
    page.goto(f"/inspections/{part.pk}/")
    expect(page.locator(".part-image")).to_have_js_property("complete", True)
    page.wait_for_function("getComputedStyle(document.querySelector('.stage')).getPropertyValue('--ratio')")


def test_a_correction_adds_moves_and_keeps_marks(
    page: Page, login: Login, part: Inspection, make_person: MakePerson
) -> None:
    login(page, make_person("ada"))
    frames = page.locator(".marks i")
    open_part(page, part)
    click(page, 0.25, 0.5)
    drag(page, (0.5, 0.2), (0.75, 0.4))
    page.get_by_role("button", name="FAIL", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("Labeled FAIL")
    assert_near(marks_of("P-0"), (0.25, 0.5, 0, 0), (0.5, 0.2, 0.25, 0.2))
    expect(page.locator(".timeline").first).to_contain_text("2 marks")

    # What is shown is at its place, and stays with another type.
    open_part(page, part)
    expect(frames).to_have_count(2)
    box = frames.nth(1).bounding_box()
    assert box is not None
    assert (box["x"], box["y"]) == pytest.approx(picture(page).point(0.5, 0.2), abs=3)
    page.locator("#defect_type").select_option("scratch")
    page.get_by_role("button", name="FAIL", exact=True).click()
    label = Label.objects.standing().get()
    assert (str(label), label.marks) == ("FAIL scratch", None)
    expect(frames).to_have_count(2)

    # One is taken out, and Esc brings it back.
    click(page, 0.25, 0.5)
    expect(frames).to_have_count(1)
    page.keyboard.press("Escape")
    expect(frames).to_have_count(2)
    click(page, 0.6, 0.3)
    expect(frames).to_have_count(1)
    page.get_by_role("button", name="FAIL", exact=True).click()
    expect(page.locator(".timeline").first).to_contain_text("1 mark")
    assert_near(marks_of("P-0"), (0.25, 0.5, 0, 0))


def test_a_pass_on_the_parts_page_drops_the_marks_and_says_so(
    page: Page, login: Login, part: Inspection, make_person: MakePerson
) -> None:
    login(page, make_person("ada"))
    open_part(page, part)
    click(page, 0.25, 0.5)
    page.get_by_role("button", name="PASS").click()
    expect(page.locator(".messages")).to_contain_text("the marks were dropped")
    assert str(Label.objects.get()) == "PASS"


def test_marks_are_toggled_and_only_shown_to_readers(
    page: Page, login: Login, part: Inspection, make_person: MakePerson
) -> None:
    review.correct(part, by=make_person("bob"), verdict="FAIL", marks=[Mark(0.5, 0.5)])
    reader = make_person("eva")
    reader.groups.clear()
    reader.user_permissions.add(Permission.objects.get(codename="view_inspection"))
    login(page, reader)
    open_part(page, part)
    expect(page.locator(".marks i")).to_have_count(1)
    click(page, 0.2, 0.2)
    expect(page.locator(".marks i")).to_have_count(1)
    page.get_by_role("button", name="Marks").click()
    expect(page.locator(".place")).to_have_css("opacity", "0")


def test_a_finger_marks_on_the_parts_page_and_still_scrolls(phone: Page, part: Inspection, product: Product) -> None:
    open_part(phone, part)
    phone.touchscreen.tap(*picture(phone).point(0.25, 0.5))
    expect(phone.locator(".marks i")).to_have_count(1)
    shown = picture(phone)
    x, y = shown.point(0.5, 0.7)
    touch(phone, [(x, y - 20 * step) for step in range(12)])
    phone.wait_for_timeout(300)
    assert phone.evaluate("scrollY") > 50
    expect(phone.locator(".marks i")).to_have_count(1)
    phone.get_by_role("button", name="FAIL", exact=True).tap()
    expect(phone.locator(".messages")).to_contain_text("Labeled FAIL")
    label = Label.objects.standing().get(inspection=part)
    assert_near(parse_marks(label.marks), (0.25, 0.5, 0, 0))


def test_an_imported_mask_is_shown_and_not_to_whoever_judges_the_part(
    page: Page, login: Login, part: Inspection, make_person: MakePerson
) -> None:
    stream = io.BytesIO()
    Image.new("L", (180, 330), 255).save(stream, "PNG")
    mask = store_mask(stream.getvalue())
    Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.IMPORT, mask_sha256=mask)
    ada = make_person("ada")
    login(page, ada)
    open_part(page, part)
    shown = page.locator(".mask image")
    expect(shown).to_have_attribute("href", f"/inspections/{part.pk}/mask/")
    at, of = shown.bounding_box(), picture(page)
    assert at is not None
    assert (at["x"], at["y"], at["width"], at["height"]) == pytest.approx(tuple(of), abs=2)
    address = f"/inspections/{part.pk}/mask/"
    assert page.request.get(address).ok
    Inspection.objects.filter(pk=part.pk).update(resolved_at=None)
    claim_part(part, reviewer=ada)
    assert page.request.get(address).status == 404
    page.reload()
    expect(page.locator(".mask")).to_have_count(0)
