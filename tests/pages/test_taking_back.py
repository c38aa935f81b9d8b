"""Skips with a reason, and taking back: the last, any of the last twenty, and a skip."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.models import Skip
from tests.browser import Login, TakeScreenshots
from tests.pages.axe import violations
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import press_key, standing_verdicts, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def ada(page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson) -> None:
    """Ada, with four parts at the workbench."""
    Product.objects.update(second_share=0, repeat_share=0)
    for number in range(4):
        receive(f"P-{number}")
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()


def test_any_of_the_last_is_taken_back_also_after_a_reload(page: Page, take_screenshots: TakeScreenshots) -> None:
    for key in "pf1":
        press_key(page, key)
    wait_until_saved(page)
    page.reload()
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("#recent-list li")).to_have_count(3)
    expect(page.locator("#recent-list li").first).to_contain_text("FAIL scratch P-2")
    take_screenshots(page, "review-recent")
    assert violations(page) == []
    page.locator("#recent-list li", has_text="P-0").get_by_role("button", name="Undo").click()
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-0")
    assert standing_verdicts() == {"P-1": "FAIL", "P-2": "FAIL scratch"}
    press_key(page, "f")
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "FAIL", "P-1": "FAIL", "P-2": "FAIL scratch"}


def test_a_part_is_skipped_with_a_reason_and_waits_for_others(page: Page, take_screenshots: TakeScreenshots) -> None:
    page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Skip this part")).to_be_visible()
    take_screenshots(page, "review-skip")
    assert violations(page) == []
    page.keyboard.press("p")  # no verdict while a reason is asked for
    page.keyboard.press("2")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-1")
    wait_until_saved(page)
    skip = Skip.objects.get()
    assert (skip.inspection.part_id, skip.reason, skip.inspection.resolved_at) == ("P-0", "cannot_decide", None)
    assert [press_key(page, "p") for _ in range(3)] == ["P-1", "P-2", "P-3"]
    expect(page.get_by_role("heading", name="No part is waiting")).to_be_visible()
    wait_until_saved(page)
    assert "P-0" not in standing_verdicts()


def test_a_skip_is_taken_back(page: Page) -> None:
    page.keyboard.press("s")
    page.keyboard.press("1")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-1")
    wait_until_saved(page)
    page.keyboard.press("u")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-0")
    press_key(page, "p")
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "PASS"}


def test_escape_goes_on_judging(page: Page) -> None:
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    assert press_key(page, "f") == "P-0"
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "FAIL"}
    assert not Skip.objects.exists()
