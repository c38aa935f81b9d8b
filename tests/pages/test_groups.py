"""Near-identical parts at the workbench: one key for all of them, after each of them was in view."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Inspection, Product
from tests.browser import Login, Shoot
from tests.pages.axe import faults
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import press, settle, verdicts

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ALIKE = 8


@pytest.fixture
def run(page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson) -> list[Inspection]:
    """Eight shots of one part and another part, and ada at the workbench."""
    Product.objects.update(second_share=0, repeat_share=0)
    parts = [receive(f"P-{number}") for number in range(ALIKE)]
    receive("Q-0", 1)
    Inspection.objects.filter(pk__in=[part.pk for part in parts[1:]]).update(repeat_of=parts[0])
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    return parts


def test_one_key_judges_all_but_those_taken_out(page: Page, shoot: Shoot, run: list[Inspection]) -> None:
    expect(page.get_by_role("button", name="7 more look the same")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator(".alike > li")).to_have_count(ALIKE)
    expect(page.locator("#group-words")).to_contain_text("One key judges all 8")
    page.locator(".alike > li[data-title='P-3'] button").click()
    expect(page.locator("#group-words")).to_contain_text("One key judges all 7")
    shoot(page, "review-group")
    assert faults(page) == []
    page.keyboard.press("1")
    settle(page)
    assert verdicts() == {f"P-{number}": "FAIL scratch" for number in range(ALIKE) if number != 3}
    expect(page.locator("#say")).to_contain_text("FAIL scratch: 7 parts that look the same")
    left = {press(page, "p"), press(page, "p")}
    assert left == {"P-3", "Q-0"}
    settle(page)
    assert verdicts()["P-3"] == "PASS"
    # Each is a verdict of its own: any of them can be taken back.
    page.keyboard.press("r")
    page.locator("#recent-list li", has_text="P-5").get_by_role("button", name="Undo").click()
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-5")
    assert "P-5" not in verdicts()


def test_it_refuses_a_verdict_before_all_were_in_view(page: Page, run: list[Inspection]) -> None:
    page.set_viewport_size({"width": 390, "height": 640})
    page.keyboard.press("g")
    expect(page.locator(".alike > li")).to_have_count(ALIKE)
    expect(page.locator("#group-words")).to_contain_text("Look at every one first")
    page.keyboard.press("f")
    page.wait_for_timeout(300)
    assert page.locator(".alike > li").count() == ALIKE
    assert verdicts() == {}
    for number in range(ALIKE):
        page.locator(f".alike > li[data-title='P-{number}']").scroll_into_view_if_needed()
    expect(page.locator("#group-words")).to_contain_text("One key judges all 8")
    page.keyboard.press("f")
    settle(page)
    assert verdicts() == {f"P-{number}": "FAIL" for number in range(ALIKE)}


def test_a_group_is_opened_again_one_by_one(page: Page, run: list[Inspection]) -> None:
    page.keyboard.press("g")
    expect(page.locator(".alike > li")).to_have_count(ALIKE)
    page.keyboard.press("o")
    expect(page.locator(".alike")).to_have_count(0)
    seen = [press(page, "p") for _ in range(ALIKE + 1)]
    settle(page)
    assert sorted(seen) == sorted([*(f"P-{number}" for number in range(ALIKE)), "Q-0"])
    assert verdicts() == dict.fromkeys(seen, "PASS")
