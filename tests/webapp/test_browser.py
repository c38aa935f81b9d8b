"""The browser fixtures themselves, over the admin, which every installation has."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from tests.browser import Login, TakeScreenshots

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_it_opens_the_admin_as_a_user_with_its_styles(
    page: Page, login: Login, take_screenshots: TakeScreenshots
) -> None:
    login(page, User.objects.create_superuser("ada", password="ada-and-her-password"))
    page.goto("/admin/")
    assert "Log in" not in page.title()
    assert page.locator("body").evaluate("element => getComputedStyle(element).fontFamily") != "Times New Roman"
    for path in take_screenshots(page, "admin"):
        assert path.stat().st_size > 5_000


def test_it_shows_the_login_form_to_a_stranger(page: Page) -> None:
    page.goto("/admin/")
    assert "/login/" in page.url
