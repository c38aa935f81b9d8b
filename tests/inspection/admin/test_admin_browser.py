"""A person issues a key and looks at what came in, in the admin, with a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from inspection.api.authentication import KEY_PATTERN
from inspection.models import Product, Station
from mltasks.vision.drawing.plates import PartKind
from tests.browser import Login, TakeScreenshots
from tests.inspection.conftest import Receive, Sender
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def admin_page(own_addresses_and_folders: None, settings: Any, page: Page, login: Login) -> Page:
    settings.ROOT_URLCONF = "webapp.urls"
    login(page, User.objects.create_superuser("boss", password="boss-and-her-password"))
    return page


def test_a_key_is_issued_by_a_button_and_shown_once(
    admin_page: Page, station: Station, take_screenshots: TakeScreenshots
) -> None:
    admin_page.goto(f"/admin/inspection/station/{station.pk}/change/")
    admin_page.get_by_role("button", name="Issue a new key").click()
    admin_page.wait_for_url("**/admin/inspection/station/")
    shown = re.search(KEY_PATTERN.pattern, admin_page.inner_text("body"))
    take_screenshots(admin_page, "admin-station-key")
    assert shown
    assert Sender(station, shown[0]).send().status_code == 201
    admin_page.reload()
    assert not re.search(KEY_PATTERN.pattern, admin_page.inner_text("body"))


def test_inspections_show_their_pictures(
    admin_page: Page, receive: Receive, product: Product, make_version: MakeVersion, take_screenshots: TakeScreenshots
) -> None:
    receive(part_id="before-any-model")
    make_version(product, champion=True)
    for number, kind in enumerate([PartKind.GOOD, PartKind.SCRATCH, PartKind.EXCESS]):
        row = receive(jpeg(number + 10, kind), part_id=f"P-{number}")
    admin_page.goto("/admin/inspection/inspection/")
    pictures = "[...document.querySelectorAll(\"img[src*='/thumbnail/']\")]"
    admin_page.wait_for_function(f"{pictures}.every(picture => picture.complete)")
    shown = admin_page.evaluate(f"{pictures}.map(picture => picture.naturalWidth)")
    assert len(shown) == 4
    assert min(shown) > 50, "A broken picture has no width."
    take_screenshots(admin_page, "admin-inspections")
    admin_page.goto(f"/admin/inspection/inspection/{row.pk}/change/")
    admin_page.wait_for_function(f"{pictures}.every(picture => picture.complete && picture.naturalWidth > 50)")
    assert (
        admin_page.get_by_role("link", name="Heatmap").get_attribute("href") == f"/api/v1/inspections/{row.pk}/heatmap/"
    )
    take_screenshots(admin_page, "admin-inspection")


def test_a_manager_chooses_who_is_seen_first(
    admin_page: Page, station: Station, product: Product, take_screenshots: TakeScreenshots
) -> None:
    admin_page.goto(f"/admin/inspection/product/{product.pk}/change/")
    order = admin_page.get_by_label("Order of the review queue")
    assert order.input_value() == "expected_cost"
    order.scroll_into_view_if_needed()
    take_screenshots(admin_page, "admin-product-order")
    order.select_option("diversity")
    reason = admin_page.get_by_label("Reason for the change")
    reason.fill("Reviewers see too much of the same.")
    reason.scroll_into_view_if_needed()
    take_screenshots(admin_page, "admin-product-reason")
    admin_page.get_by_role("button", name="Save", exact=True).click()
    admin_page.wait_for_url("**/admin/inspection/product/")
    product.refresh_from_db()
    assert product.pick_strategy == "diversity"
    admin_page.goto("/admin/inspection/policychange/")
    assert admin_page.get_by_text(
        "order of the review queue: Expected cost of passing the part → Diversity"
    ).is_visible()
    take_screenshots(admin_page, "admin-policy-changes")
    admin_page.goto(f"/admin/inspection/station/{station.pk}/change/")
    admin_page.get_by_label("Urgent").check()
    take_screenshots(admin_page, "admin-station-urgent")
    admin_page.get_by_role("button", name="Save", exact=True).click()
    admin_page.wait_for_url("**/admin/inspection/station/")
    take_screenshots(admin_page, "admin-stations")
    station.refresh_from_db()
    assert station.urgent
