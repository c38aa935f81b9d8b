"""Time and quality on a version's page, and speed in the admin, wide and on a phone, light and dark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from inspection.models import Product
from mltasks.vision.export.learn import LearnedVersion
from tests.browser import SCREENSHOTS, Login
from tests.mltasks.reports.test_speed_trade import meta
from tests.pages.conftest import MakePerson
from tests.tiny_model import _make as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SIZES = {"wide": (1280, 900), "upright": (390, 844), "sideways": (844, 390)}


def save_screenshots(page: Page, name: str, scroll_to: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.locator(scroll_to).scroll_into_view_if_needed()
            page.locator(scroll_to).evaluate("element => element.scrollIntoView()")
            page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{theme}.png")


def test_the_page_shows_what_time_buys(
    page: Page, login: Login, product: Product, make_person: MakePerson, learned: LearnedVersion
) -> None:
    made = make(product.registered_model, replace(learned, meta={**learned.meta, **meta(50, 2)}), champion=False)
    login(page, make_person("ada"))
    page.goto(f"/models/plate/{made.number}/")

    section = page.get_by_role("region", name="Time and quality", exact=True)
    expect(section).to_contain_text(
        "Within the budget of 50 ms. For the budget this version does without: auxiliary stage."
    )
    for name in ("Average precision of versions", "Review share of versions"):
        expect(section.get_by_role("img", name=name)).to_be_visible()
    rows = section.get_by_role("row").all_inner_texts()
    assert len(rows) == 4 and "(this version)" in rows[1] and "40.0" in rows[1] and "this version" not in rows[2]
    expect(page.get_by_text("Balanced", exact=True)).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    save_screenshots(page, "speed-trade", "#trade-title")


def test_a_version_without_points_has_no_such_section(
    page: Page, login: Login, product: Product, make_person: MakePerson, learned: LearnedVersion
) -> None:
    make(product.registered_model, learned, champion=False)
    login(page, make_person("ada"))
    page.goto("/models/plate/1/")
    expect(page.get_by_role("heading", name="Evaluation method")).to_be_visible()
    expect(page.get_by_role("heading", name="Time and quality")).to_have_count(0)


def test_the_admin_asks_for_speed_in_words(page: Page, login: Login, product: Product) -> None:
    login(page, User.objects.create_superuser("boss", password="boss-and-her-password"))
    page.goto(f"/admin/inspection/product/{product.pk}/change/")
    page.get_by_label("Speed").select_option(label="Thorough")
    page.get_by_label("Time budget per image (ms)").fill("80")
    page.get_by_label("Reason for the change").fill("Small scratches.")
    save_screenshots(page, "admin-speed", "#id_speed")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/inspection/product/")
    product.refresh_from_db()
    assert product.training_settings == {"speed": "thorough", "budget_ms": 80}
