"""The workbench in a real browser: keys, two reviewers, undo, and a network that fails."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from inspection.models import Product
from labeling.models import Label
from labeling.review.review import correct
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import VERDICTS, press_key, standing_verdicts, wait_for_claims, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_it_clears_the_queue_with_keys(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    receive: Receive,
    make_person: MakePerson,
) -> None:
    for number in range(5):
        receive(f"P-{number}", number)
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-0")
    take_screenshots(page, "review")
    assert [press_key(page, key) for key in "pf12p"] == [f"P-{number}" for number in range(5)]
    expect(page.get_by_role("heading", name="No part is waiting")).to_be_visible()
    expect(page.locator("#end-words")).to_contain_text("you opened this page: 5. 2 PASS, 3 FAIL (1 scratch, 1 excess).")
    wait_until_saved(page)
    take_screenshots(page, "review-empty")
    assert standing_verdicts() == {
        "P-0": "PASS",
        "P-1": "FAIL",
        "P-2": "FAIL scratch",
        "P-3": "FAIL excess",
        "P-4": "PASS",
    }
    receive("P-5")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-5")


def test_it_refuses_a_key_pressed_before_the_part_was_seen(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    for number in range(3):
        receive(f"P-{number}")
    login(page, make_person("ada"))
    page.goto("/review/")
    wait_for_claims(page, 3)
    page.wait_for_timeout(1000)  # the parts ahead are on the page
    page.locator("#workbench").evaluate(
        "bench => [1, 2, 3].forEach(() => bench.dispatchEvent(new KeyboardEvent('keydown', {key: 'p', bubbles: true})))"
    )
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "PASS"}


def test_two_reviewers_never_get_the_same_part(
    page: Page, browser: Browser, live_site: str, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    for number in range(8):
        receive(f"P-{number}")
    login(page, make_person("ada"))
    context = browser.new_context(base_url=live_site)
    other = context.new_page()
    login(other, make_person("bob"))
    page.goto("/review/")
    other.goto("/review/")
    seen = [press_key(page, "p"), press_key(other, "f"), press_key(page, "p"), press_key(other, "f")]
    wait_until_saved(page)
    wait_until_saved(other)
    assert len(set(seen)) == 4
    assert sorted(standing_verdicts().values()) == ["FAIL", "FAIL", "PASS", "PASS"]
    context.close()


def test_it_takes_a_verdict_back_also_after_a_reload(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    receive("P-0")
    receive("P-1")
    login(page, make_person("ada"))
    page.goto("/review/")
    press_key(page, "f")
    wait_until_saved(page)
    page.keyboard.press("u")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-0")
    assert standing_verdicts() == {}
    press_key(page, "p")
    wait_until_saved(page)
    page.reload()
    expect(page.locator("#last")).to_have_text("PASS · P-0")
    page.keyboard.press("u")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-0")
    assert standing_verdicts() == {}
    assert Label.objects.count() == 2  # an undo is a row, not a delete


def test_it_saves_all_after_the_network_was_away(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    for number in range(3):
        receive(f"P-{number}")
    login(page, make_person("ada"))
    page.goto("/review/")
    wait_for_claims(page, 3)
    page.route(VERDICTS, lambda route: route.abort())
    press_key(page, "p")
    press_key(page, "f")
    expect(page.locator("#unsaved")).to_contain_text("2 unsaved")
    expect(page.locator("#unsaved")).to_contain_text("server cannot be reached")
    assert standing_verdicts() == {}
    page.unroute(VERDICTS)
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "PASS", "P-1": "FAIL"}


def test_it_keeps_unsaved_verdicts_over_a_reload(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    receive("P-0")
    receive("P-1")
    login(page, make_person("ada"))
    page.goto("/review/")
    page.route(VERDICTS, lambda route: route.abort())
    page.on("dialog", lambda dialog: dialog.accept())
    press_key(page, "p")
    expect(page.locator("#unsaved")).to_contain_text("1 unsaved")
    page.reload()
    expect(page.locator("#last")).to_have_text("PASS · P-0")
    page.unroute(VERDICTS)
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "PASS"}


def test_a_verdict_that_was_saved_but_never_answered_counts_once(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    def swallow(route: Route) -> None:
        route.fetch()
        route.abort()

    receive("P-0")
    receive("P-1")
    login(page, make_person("ada"))
    page.goto("/review/")
    page.route(VERDICTS, swallow, times=1)
    press_key(page, "f")
    wait_until_saved(page)
    assert standing_verdicts() == {"P-0": "FAIL"}
    assert Label.objects.count() == 1


def test_it_says_so_and_goes_on_when_a_claim_is_lost(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    part = receive("P-0")
    receive("P-1")
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-0")
    wait_for_claims(page, 2)
    correct(part, by=make_person("mia", "quality manager"), verdict="PASS")
    press_key(page, "f")
    expect(page.locator("#say")).to_contain_text("P-0 was not saved")
    expect(page.locator("#part .part")).to_have_attribute("data-title", "P-1")
    assert standing_verdicts() == {"P-0": "PASS"}


def test_it_gives_undecided_parts_back_when_the_page_is_left(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    receive("P-0")
    receive("P-1")
    login(page, make_person("ada"))
    page.goto("/review/")
    wait_for_claims(page, 2)
    # A claim whose answer the page never got can only expire.
    page.wait_for_load_state("networkidle")
    page.goto("/inspections/")
    wait_for_claims(page, 0)


def test_it_refuses_people_who_may_not_review(page: Page, login: Login, make_person: MakePerson) -> None:
    person = make_person("eve")
    person.groups.clear()
    login(page, person)
    response = page.goto("/review/")
    assert response is not None
    assert response.status == 403
    expect(page.get_by_role("heading", name="No permission")).to_be_visible()
