"""A version is verified from its page in a real browser: asked for with a button, watched, and read."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from mltasks.models import VerifyingRun
from mltasks.runs.execution import execute
from mltasks.training import verification_runs
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson
from tests.tiny_model import MakeVersion, replace_file

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_it_is_asked_for_watched_and_read(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    make_version(product, champion=True)
    version = make_version(product)
    replace_file(version.path / "plots" / "cost.svg", b"<svg/>")
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/plate/2/promote/")
    gate = page.get_by_role("region", name="Promotion gate")
    gate.scroll_into_view_if_needed()
    take_screenshots(page, "promotion-verify")
    gate.get_by_role("button", name="Verify version").click()

    section = page.get_by_role("region", name="Verification")
    expect(section.get_by_text("Verification in progress: 0 %")).to_be_in_viewport()
    expect(section.get_by_role("button")).to_have_count(0)
    VerifyingRun.objects.update(state="running", progress=0.4, stage="Retraining: fold 1 of 2, epoch 3")
    expect(section.get_by_text("Verification in progress: 40 %")).to_be_visible()
    expect(section).to_contain_text("Retraining: fold 1 of 2, epoch 3")
    take_screenshots(page, "version-being-verified")

    VerifyingRun.objects.update(state="queued", hashes_only=True)
    execute(verification_runs.VerificationExecutor(), VerifyingRun.objects.get())
    expect(section).to_contain_text("The version failed its verification. Only hashes checked. Verified by mia,")
    found = section.get_by_role("definition")
    expect(found.nth(0)).to_contain_text("failed")
    expect(found.nth(0)).to_contain_text("plots/cost.svg")
    expect(found.nth(1)).to_contain_text("Its 16 rows are unchanged since they were frozen.")
    expect(section.get_by_role("button", name="Verify version", exact=True)).to_be_visible()
    assert page.locator("[data-every]").count() == 0, "What is done asks no more."
    section.scroll_into_view_if_needed()
    take_screenshots(page, "version-verified")
