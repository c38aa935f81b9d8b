"""Pages and their figures are light or dark as the system asks, unless the person chose."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from inspection.models import Product
from tests.browser import Login
from tests.pages.conftest import MakePerson
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def brightness(page: Page, selector: str) -> int:
    """Return the grey level in [0, 255] of an element's upper right corner, as it is painted."""
    picture = Image.open(io.BytesIO(page.locator(selector).first.screenshot())).convert("L")
    level = picture.getpixel((picture.width - 5, 4))
    assert isinstance(level, int)
    return level


def test_pages_and_figures_follow_the_system_and_then_the_person(
    page: Page, login: Login, product: Product, make_person: MakePerson, make_version: MakeVersion
) -> None:
    make_version(product)
    login(page, make_person("ada"))
    figure, stored = ".drawn svg", ".drawn img"
    for scheme, is_right in (("dark", lambda level: level < 60), ("light", lambda level: level > 230)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto("/models/plate/1/")
        page.locator(stored).first.scroll_into_view_if_needed()
        page.wait_for_function("selector => document.querySelector(selector).complete", arg=stored)
        assert all(is_right(brightness(page, selector)) for selector in ("main", figure, stored)), scheme

    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert all(brightness(page, selector) < 60 for selector in ("main", figure, stored)), "The person's choice counts."
    page.reload()
    page.locator(stored).first.scroll_into_view_if_needed()
    assert all(brightness(page, selector) < 60 for selector in ("main", figure, stored))
