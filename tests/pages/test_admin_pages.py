"""The admin is a library's: no grave fault there either, where it shows what is ours."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from labeling.review import review
from tests.browser import Login
from tests.pages.axe import violations
from tests.pages.conftest import Receive

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_index_and_labels_have_no_grave_fault(page: Page, login: Login, receive: Receive) -> None:
    boss = User.objects.create_superuser("boss", password="boss-and-her-password")
    review.correct(receive("P-1"), by=boss, verdict="FAIL", defect_type="scratch")
    login(page, boss)
    found = {}
    for address in ("/admin/", "/admin/labeling/label/"):
        page.goto(address)
        found[address] = violations(page)
    assert not any(found.values()), found
