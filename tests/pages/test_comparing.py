"""Versions beside each other and over time in a real browser."""

from __future__ import annotations

import io
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Station
from mltasks.models import ModelVersion
from mltasks.vision.export.learn import LearnedVersion
from tests.browser import Login, TakeScreenshots
from tests.disagreeing_versions import make_disagreeing_version, make_estimate
from tests.pages.conftest import MakePerson
from tests.tiny_model import _drawn_jpegs

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
COMPARE = "/models/plate/compare/"


def make_metrics(share: float, reach: float = 0.05) -> dict[str, Any]:
    return {"recall": make_estimate(share, reach), "average_precision": make_estimate(min(1.0, share + 0.04), reach)}


@pytest.fixture
def three_versions(product: Product, station: Station, learned: LearnedVersion) -> list[ModelVersion]:
    """Three versions that differ on four images, of which the product has parts."""
    model = product.registered_model
    first = make_disagreeing_version(
        model, learned, {"scratch-08.jpg": 0.04, "good-00.jpg": 0.7}, champion=True, metrics=make_metrics(0.62)
    )
    second = make_disagreeing_version(
        model, learned, {"scratch-09.jpg": 0.1}, champion=True, metrics=make_metrics(0.8, 0.1)
    )
    third = make_disagreeing_version(
        model, learned, {"good-01.jpg": 0.9}, metrics=make_metrics(0.97, 0.02), without="good-02.jpg"
    )
    for number in (0, 8, 9):
        image = io.BytesIO(_drawn_jpegs()[number][1])
        intake.receive(Submission(image, station.product, station, part_id=f"P-{number}"))
    return [first, second, third]


def test_marked_versions_are_compared_down_to_the_parts_they_disagree_on(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    three_versions: list[ModelVersion],
    make_person: MakePerson,
) -> None:
    login(page, make_person("ada"))
    page.goto("/models/")
    page.get_by_label("Compare version 1").check()
    page.get_by_label("Compare version 3").check()
    # What was marked stays so when the rows come anew.
    with page.expect_response("**/rows/"):
        page.locator(".live").dispatch_event("refresh")
    expect(page.get_by_label("Compare version 1")).to_be_checked()
    page.evaluate("scrollTo(0, 0)")
    take_screenshots(page, "models-over-time")
    page.get_by_role("button", name="Compare selected").click()
    expect(page.get_by_role("heading", name="Versions 1 and 3")).to_be_visible()
    expect(page.get_by_role("row", name="Recall: defective parts that it fails")).to_contain_text("35.0 points better")
    expect(page.get_by_role("row", name="Recall: defective parts that it fails").locator(".best")).to_have_count(1)
    assert page.locator(".three .curve:not(.thin)").count() == 6
    page.goto(f"{COMPARE}?v=1&v=2&v=3")
    take_screenshots(page, "compare")
    section = page.get_by_role("region", name="Parts on which the versions disagree")
    expect(section).to_contain_text("16 images have predictions of at least two versions")
    sheet = section.locator(".sheet li")
    assert [one.split("\n")[0] for one in sheet.all_inner_texts() if one.startswith("P-")] == ["P-8", "P-9", "P-0"]
    assert sheet.count() == 4
    expect(section).to_contain_text("no part with this image here")
    sheet.first.scroll_into_view_if_needed()
    take_screenshots(page, "compare-parts")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("heading", name="Curves").scroll_into_view_if_needed()
    page.screenshot(path="tests/screenshots/compare-curves-phone.png")
    sheet.first.get_by_role("link").click()
    expect(page).to_have_url(
        f"{page.url.split('/inspections')[0]}/inspections/{Inspection.objects.get(part_id='P-8').pk}/"
    )
