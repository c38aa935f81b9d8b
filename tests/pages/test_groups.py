"""Near-identical parts at the workbench: one key for all of them, after each of them was in view."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Inspection, Product
from tests.browser import Login, TakeScreenshots
from tests.pages.axe import violations
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import press_key, standing_verdicts, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEAR_DUPLICATES = 8


@pytest.fixture
def near_duplicates(
    page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson
) -> list[Inspection]:
    """Eight shots of one part and another part, and ada at the workbench."""
    Product.objects.update(second_share=0, repeat_share=0)
    parts = [receive(f"P-{number}") for number in range(NEAR_DUPLICATES)]
    receive("Q-0", 1)
    Inspection.objects.filter(pk__in=[part.pk for part in parts[1:]]).update(duplicate_of=parts[0])
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    return parts


def test_one_key_judges_all_but_those_taken_out(
    page: Page, take_screenshots: TakeScreenshots, near_duplicates: list[Inspection]
) -> None:
    expect(page.get_by_role("button", name="Similar parts: 7")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator(".similar > li")).to_have_count(NEAR_DUPLICATES)
    expect(page.locator("#group-words")).to_contain_text("One key labels all 8")
    page.locator(".similar > li[data-title='P-3'] button").click()
    expect(page.locator("#group-words")).to_contain_text("One key labels all 7")
    take_screenshots(page, "review-group")
    assert violations(page) == []
    page.keyboard.press("1")
    wait_until_saved(page)
    assert standing_verdicts() == {f"P-{number}": "FAIL scratch" for number in range(NEAR_DUPLICATES) if number != 3}
    expect(page.locator("#say")).to_contain_text("FAIL scratch: 7 similar parts")
    left = {press_key(page, "p"), press_key(page, "p")}
    assert left == {"P-3", "Q-0"}
    wait_until_saved(page)
    assert standing_verdicts()["P-3"] == "PASS"
    # Each is a verdict of its own: any of them can be taken back.
    page.keyboard.press("r")
    page.locator("#recent-list li", has_text="P-5").get_by_role("button", name="Undo").click()
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-5")
    assert "P-5" not in standing_verdicts()


def test_it_refuses_a_verdict_before_all_were_in_view(page: Page, near_duplicates: list[Inspection]) -> None:
    page.set_viewport_size({"width": 390, "height": 640})
    page.keyboard.press("g")
    expect(page.locator(".similar > li")).to_have_count(NEAR_DUPLICATES)
    expect(page.locator("#group-words")).to_contain_text("Check every part first")
    page.keyboard.press("f")
    page.wait_for_timeout(300)
    assert page.locator(".similar > li").count() == NEAR_DUPLICATES
    assert standing_verdicts() == {}
    for number in range(NEAR_DUPLICATES):
        page.locator(f".similar > li[data-title='P-{number}']").scroll_into_view_if_needed()
    expect(page.locator("#group-words")).to_contain_text("One key labels all 8")
    page.keyboard.press("f")
    wait_until_saved(page)
    assert standing_verdicts() == {f"P-{number}": "FAIL" for number in range(NEAR_DUPLICATES)}


def test_a_group_is_opened_again_one_by_one(page: Page, near_duplicates: list[Inspection]) -> None:
    page.keyboard.press("g")
    expect(page.locator(".similar > li")).to_have_count(NEAR_DUPLICATES)
    page.keyboard.press("o")
    expect(page.locator(".similar")).to_have_count(0)
    seen = [press_key(page, "p") for _ in range(NEAR_DUPLICATES + 1)]
    wait_until_saved(page)
    assert sorted(seen) == sorted([*(f"P-{number}" for number in range(NEAR_DUPLICATES)), "Q-0"])
    assert standing_verdicts() == dict.fromkeys(seen, "PASS")
