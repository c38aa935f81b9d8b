"""A person issues a key and looks at what came in, in the admin, with a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from inspection.api.authentication import KEY
from inspection.models import Product, Station
from mltasks.vision.drawing.plates import PartKind
from tests.browser import Login, Shoot
from tests.inspection.conftest import Receive, Sender
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def boss(own_addresses_and_folders: None, settings: Any, page: Page, login: Login) -> Page:
    settings.ROOT_URLCONF = "webapp.urls"
    login(page, User.objects.create_superuser("boss", password="boss-and-her-password"))
    return page


def test_a_key_is_issued_by_a_button_and_shown_once(boss: Page, station: Station, shoot: Shoot) -> None:
    boss.goto(f"/admin/inspection/station/{station.pk}/change/")
    boss.get_by_role("button", name="Issue a new key").click()
    boss.wait_for_url("**/admin/inspection/station/")
    shown = re.search(KEY.pattern, boss.inner_text("body"))
    shoot(boss, "admin-station-key")
    assert shown
    assert Sender(station, shown[0]).send().status_code == 201
    boss.reload()
    assert not re.search(KEY.pattern, boss.inner_text("body"))


def test_inspections_show_their_pictures(
    boss: Page, receive: Receive, product: Product, make_version: MakeVersion, shoot: Shoot
) -> None:
    receive(part_id="before-any-model")
    make_version(product, champion=True)
    for number, kind in enumerate([PartKind.GOOD, PartKind.SCRATCH, PartKind.EXCESS]):
        row = receive(jpeg(number + 10, kind), part_id=f"P-{number}")
    boss.goto("/admin/inspection/inspection/")
    pictures = "[...document.querySelectorAll(\"img[src*='/thumbnail/']\")]"
    boss.wait_for_function(f"{pictures}.every(picture => picture.complete)")
    shown = boss.evaluate(f"{pictures}.map(picture => picture.naturalWidth)")
    assert len(shown) == 4
    assert min(shown) > 50, "A broken picture has no width."
    shoot(boss, "admin-inspections")
    boss.goto(f"/admin/inspection/inspection/{row.pk}/change/")
    boss.wait_for_function(f"{pictures}.every(picture => picture.complete && picture.naturalWidth > 50)")
    assert boss.get_by_role("link", name="Heatmap").get_attribute("href") == f"/api/v1/inspections/{row.pk}/heatmap/"
    shoot(boss, "admin-inspection")


def test_a_manager_chooses_who_is_seen_first(boss: Page, station: Station, product: Product, shoot: Shoot) -> None:
    boss.goto(f"/admin/inspection/product/{product.pk}/change/")
    order = boss.get_by_label("Order of the review queue")
    assert order.input_value() == "expected_cost"
    order.scroll_into_view_if_needed()
    shoot(boss, "admin-product-order")
    order.select_option("diversity")
    reason = boss.get_by_label("Why it changes")
    reason.fill("Reviewers see too much of the same.")
    reason.scroll_into_view_if_needed()
    shoot(boss, "admin-product-reason")
    boss.get_by_role("button", name="Save", exact=True).click()
    boss.wait_for_url("**/admin/inspection/product/")
    product.refresh_from_db()
    assert product.pick_strategy == "diversity"
    boss.goto("/admin/inspection/policychange/")
    assert boss.get_by_text("order of the review queue: Expected cost of letting it pass → Diversity").is_visible()
    shoot(boss, "admin-policy-changes")
    boss.goto(f"/admin/inspection/station/{station.pk}/change/")
    boss.get_by_label("Urgent").check()
    shoot(boss, "admin-station-urgent")
    boss.get_by_role("button", name="Save", exact=True).click()
    boss.wait_for_url("**/admin/inspection/station/")
    shoot(boss, "admin-stations")
    station.refresh_from_db()
    assert station.urgent
