"""The labeled parts that look most like a part, on its page."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.review import review
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson, Receive
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_parts_page_shows_what_looks_like_it(
    page: Page,
    take_screenshots: TakeScreenshots,
    login: Login,
    product: Product,
    receive: Receive,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    ada = make_person("ada")
    login(page, ada)
    early = receive("P-0")
    page.goto(f"/inspections/{early.pk}/")
    expect(page.get_by_text("Similar parts are shown once a version is champion.")).to_be_visible()
    make_version(product, champion=True)
    part, good, scratched = receive("P-1"), receive("P-2"), receive("P-3", 1)
    review.correct(good, by=ada, verdict="PASS")
    review.correct(scratched, by=ada, verdict="FAIL", defect_type="scratch")

    page.goto(f"/inspections/{part.pk}/")
    rows = page.locator(".likes figure")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("PASS")
    expect(rows.nth(0)).to_contain_text("100 % similar")
    expect(rows.nth(1)).to_contain_text("scratch")
    page.wait_for_function("() => [...document.querySelectorAll('.likes img')].every(one => one.naturalWidth > 0)")
    page.locator(".likes").scroll_into_view_if_needed()
    take_screenshots(page, "part-references")
    grave = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert not grave, [one["id"] for one in grave]
    with page.context.expect_page() as opened:
        rows.nth(1).get_by_role("link").click()
    expect(opened.value.locator("h1")).to_have_text("P-3")
