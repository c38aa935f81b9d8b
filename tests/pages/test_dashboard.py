"""The dashboard in a real browser: a photo becomes a verdict, and the facts stay true in place."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from inspection.models import Inspection, Product
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson, Receive, photos
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photos()[1])
    return path


def test_it_gives_a_photo_its_verdict_beside_the_heatmap(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
    photo: Path,
) -> None:
    make_version(product, champion=True)
    login(page, make_person("ada"))
    page.goto("/")
    page.set_input_files("#photo", photo)
    result = page.locator("#result")
    expect(result.locator(".verdict.big")).to_be_visible()
    part = Inspection.objects.get()
    expect(result.locator(".verdict.big")).to_have_text(str(part.verdict))
    for picture in result.locator("img").all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
    take_screenshots(page, "dashboard")
    assert part.source == Inspection.Source.UPLOAD
    assert part.uploaded_by is not None
    assert part.uploaded_by.username == "ada"


def test_it_takes_a_dropped_photo(
    page: Page, login: Login, product: Product, make_person: MakePerson, photo: Path
) -> None:
    login(page, make_person("ada"))
    page.goto("/")
    zone = page.locator(".drop-zone").bounding_box()
    assert zone is not None
    files = {"items": [], "files": [str(photo)], "dragOperationsMask": 1}
    mouse = page.context.new_cdp_session(page)
    # Beside the button: the whole zone takes the photo.
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": zone["x"] + 20, "y": zone["y"] + zone["height"] - 20}
        mouse.send("Input.dispatchDragEvent", {"type": kind, **place, "data": files})
        if kind == "dragOver":
            expect(page.locator("form.over .drop-zone")).to_be_visible()
    expect(page.locator("#result .verdict.big")).to_have_text("REVIEW")
    expect(page.locator("form.over")).to_have_count(0)
    assert Inspection.objects.get().original_filename == "photo.jpg"


def test_it_refuses_what_is_no_image_in_words(
    page: Page, login: Login, product: Product, make_person: MakePerson, tmp_path: Path
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("This is no picture.")
    login(page, make_person("ada"))
    page.goto("/")
    page.set_input_files("#photo", text)
    expect(page.locator("#result [role=alert]")).to_be_visible()
    assert not Inspection.objects.exists()


def test_it_works_without_scripts(
    browser: Browser, live_site: str, login: Login, product: Product, make_person: MakePerson, photo: Path
) -> None:
    context = browser.new_context(base_url=live_site, java_script_enabled=False)
    page = context.new_page()
    login(page, make_person("ada"))
    page.goto("/")
    page.set_input_files("#photo", photo)
    page.get_by_role("button", name="Inspect").click()
    page.wait_for_url("**/inspections/*/")
    expect(page.locator(".page-head .verdict.review")).to_be_visible()
    page.goto("/review/plain/")
    page.get_by_role("button", name="FAIL").click()
    expect(page.locator(".note.success")).to_be_visible()
    context.close()
    part = Inspection.objects.get()
    assert part.resolved_at is not None


def test_it_counts_a_new_part_without_a_reload(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    receive("P-0")
    login(page, make_person("ada"))
    page.goto("/")
    fact = page.get_by_role("region", name="Parts today")
    expect(fact.locator(".figure-number")).to_have_text("1")
    receive("P-1")
    expect(fact.locator(".figure-number")).to_have_text("2", timeout=15_000)
    expect(page.locator("#waiting-count")).to_have_text("2 waiting")


def test_it_says_what_to_do_in_an_empty_house(
    page: Page, login: Login, take_screenshots: TakeScreenshots, make_person: MakePerson
) -> None:
    login(page, make_person("mia", "quality manager"))
    for path in ("/", "/review/", "/inspections/", "/models/"):
        page.goto(path)
        expect(page.get_by_text("create_product phone-case")).to_be_visible()
    take_screenshots(page, "empty-house")


def test_the_theme_stays_chosen(page: Page, login: Login, product: Product, make_person: MakePerson) -> None:
    login(page, make_person("ada"))
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    dark = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    page.get_by_role("button", name="Light theme").click()
    light = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert dark != light
    page.goto("/inspections/")
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == light
