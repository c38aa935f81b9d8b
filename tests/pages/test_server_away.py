"""The server is stopped in mid-review: the reviewer goes on, and every verdict arrives once."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.models import Label, Review
from tests.browser import Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.web_server import WebServer
from tests.pages.workbench import press_key, standing_verdicts, wait_for_claims, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.slow(15), pytest.mark.django_db(transaction=True)]

AWAY = 10


def test_a_server_that_stops_for_ten_seconds_costs_no_verdict_and_doubles_none(
    page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson, web_server: WebServer
) -> None:
    Product.objects.update(second_share=0, repeat_share=0)
    for number in range(8):
        receive(f"P-{number}")
    login(page, make_person("ada"))
    page.goto(f"{web_server.url}/review/")
    wait_for_claims(page, 4)
    meant = {press_key(page, "p"): "PASS"}
    wait_for_claims(page, 4)
    page.wait_for_timeout(1000)  # the parts ahead are on the page

    web_server.stop()
    stopped = time.monotonic()
    # Four parts are here already: three keys show the next one at once, the last has none to show.
    meant |= {press_key(page, "f"): "FAIL", press_key(page, "1"): "FAIL scratch", press_key(page, "p"): "PASS"}
    expect(page.locator("#unsaved")).to_contain_text("3 unsaved")
    expect(page.locator("#unsaved")).to_contain_text(
        "The server cannot be reached. Your verdicts are sent again automatically."
    )
    meant |= {press_key(page, "p"): "PASS"}
    expect(page.get_by_role("heading", name="The next part cannot be loaded")).to_be_visible()
    page.wait_for_timeout(max(0, 1000 * (AWAY - (time.monotonic() - stopped))))
    assert len(standing_verdicts()) == 1
    web_server.start()

    wait_until_saved(page)
    for key in "fp2":
        meant[press_key(page, key)] = {"f": "FAIL", "p": "PASS", "2": "FAIL excess"}[key]
    wait_until_saved(page)
    assert len(meant) == 8
    assert standing_verdicts() == meant
    assert Label.objects.count() == Review.objects.count() == 8
