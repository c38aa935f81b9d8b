"""Headers that hold for browsers: a content security policy everywhere, nothing stored, and still each image once."""

from __future__ import annotations

from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, Response, expect

from inspection.models import Inspection
from inspection.products.stations import issue_key
from labeling.review import review
from tests.browser import Login
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import press_key, wait_until_saved

# The fixture `page` fails a test where the browser says that the policy refused something.
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def superuser(page: Page, login: Login, transactional_db: None) -> User:
    user = User.objects.create_superuser("boss", password="boss-and-her-password")
    login(page, user)
    return user


def test_the_admin_works_under_its_policy(page: Page, superuser: User, receive: Receive) -> None:
    part = receive("P-1")
    label = review.correct(part, by=superuser, verdict="FAIL", defect_type="scratch")
    assert part.station is not None
    issue_key(part.station)
    addresses = ("", f"labeling/label/{label.pk}/change/", f"inspection/product/{part.product_id}/change/")
    addresses += (f"inspection/station/{part.station_id}/change/", "inspection/product/add/", "auth/user/")
    addresses += (f"auth/user/{superuser.pk}/change/", f"auth/user/{superuser.pk}/password/", "auth/group/add/")
    for address in addresses:
        answer = page.goto(f"/admin/{address}")
        assert answer is not None and answer.status == 200
        policy = answer.headers["content-security-policy"]
        assert {"script-src 'self' 'unsafe-eval'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    page.goto("/admin/inspection/product/add/")
    page.locator("#id_name").press_sequentially("New plate")
    expect(page.locator("#id_slug")).to_have_value("new-plate")


def test_an_action_of_the_admin_runs_under_its_policy(page: Page, superuser: User, receive: Receive) -> None:
    review.correct(receive("P-1"), by=superuser, verdict="FAIL", defect_type="scratch")
    page.goto("/admin/labeling/label/")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").first.select_option("take_back")
    page.locator("button[name=index]").first.click()
    expect(page.get_by_text("Undone: 1 of 1.")).to_be_visible()


def test_swagger_tries_an_operation_out_under_the_policy(page: Page, superuser: User, receive: Receive) -> None:
    receive("P-1")
    page.goto("/api/docs/")
    operation = page.locator("#operations-inspections-inspections_list, [id*=inspections_list]").first
    operation.locator("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table td.response-col_status:not(.col_header)").first).to_contain_text(
        "200"
    )


def test_each_image_of_the_workbench_is_fetched_once_and_not_stored(
    page: Page, login: Login, receive: Receive, make_person: MakePerson
) -> None:
    parts = [receive(f"P-{number}", number) for number in range(6)]
    fetched: Counter[str] = Counter()
    stored: list[str] = []

    def note(response: Response) -> None:
        if "/image/" in response.url:
            fetched[response.url] += 1
            stored.extend([response.url] if response.headers["cache-control"] != "private, no-store" else [])

    page.on("response", note)
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    for _ in parts:
        press_key(page, "p")
    wait_until_saved(page)
    assert len(fetched) == len(parts) == Inspection.objects.count()
    assert set(fetched.values()) == {1}, fetched
    assert stored == []


@pytest.mark.parametrize("address", ["/", "/models/", "/admin/", "/api/v1/inspections/", "/login/", "/no-such-page/"])
def test_no_answer_is_stored(address: str, make_person: MakePerson) -> None:
    client = Client()
    for _ in range(2):
        assert client.get(address)["Cache-Control"] == "private, no-store"
        client.force_login(User.objects.first() or make_person("ada"), "django.contrib.auth.backends.ModelBackend")
