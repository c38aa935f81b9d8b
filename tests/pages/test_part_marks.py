"""Marks and masks on a part's page: set, kept, withdrawn, and only shown to readers."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import Permission
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from inspection.images.mask_files import store_mask
from inspection.models import Inspection, Product
from labeling.datasets.defect_places import place_of_part
from labeling.models import Label
from labeling.queue.queue import claim_part
from labeling.review import review
from mltasks.vision.types import Mark
from tests.browser import Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.marking import assert_near, click, drag, marks_of, open_part, picture, wait_for_image

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def part(product: Product, receive: Receive) -> Inspection:
    return receive("P-0", 1)


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
    # The page before has as many frames. The new one shows its message before its image takes clicks.
    expect(page.locator(".messages")).to_contain_text("Labeled FAIL")
    wait_for_image(page)
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


def test_pages_without_scripts_say_that_marks_need_them_and_keep_marks(
    browser: Browser, live_site: str, login: Login, part: Inspection, receive: Receive, make_person: MakePerson
) -> None:
    review.correct(part, by=make_person("bob"), verdict="FAIL", marks=[Mark(0.5, 0.5)])
    context = browser.new_context(base_url=live_site, java_script_enabled=False)
    page = context.new_page()
    login(page, make_person("ada"))
    page.goto(f"/inspections/{part.pk}/")
    # A browser whose scripts the test turned off does not show what is in <noscript>.
    assert '<noscript><span class="quiet">Marks on the image need JavaScript.' in page.content()
    expect(page.get_by_role("button", name="Marks")).to_have_count(0)
    page.locator("#defect_type").select_option("scratch")
    page.get_by_role("button", name="FAIL", exact=True).click()
    assert str(Label.objects.standing().get()) == "FAIL scratch"
    assert place_of_part(part).marks == (Mark(0.5, 0.5),)
    receive("P-1", 2)
    page.goto("/review/plain/")
    expect(page.get_by_text("Marks on the image need JavaScript and the workbench.")).to_be_visible()
    context.close()
