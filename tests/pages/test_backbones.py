"""The lesson of a backbone in a real browser: asked for with one button, watched while it runs, read afterwards."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from mltasks.models import BackboneRun
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson, Receive

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MEASURED = {
    "candidates": {
        "new": {"value": 0.951, "low": 0.902, "high": 0.982, "n": 96},
        "shipped": {"value": 0.902, "low": 0.843, "high": 0.951, "n": 96},
    },
    "incumbent": "shipped",
    "repeats": 5,
    "parts": 96,
    "words": "Used from the next training run on: Average precision 0.951 against 0.902 of the shipped backbone, "
    "difference +0.049 [+0.012, +0.088].",
}


def test_a_lesson_is_asked_for_watched_and_read(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    receive: Receive,
) -> None:
    for number in range(3):
        receive(f"P{number}", number)
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/")
    page.get_by_role("button", name="Pretrain the backbone on stored images").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    expect(page.locator(".note.warning")).to_contain_text("label 4 more good parts and 4 more defective parts")
    run = BackboneRun.objects.get()

    BackboneRun.objects.update(state="running", progress=0.4, stage="distilling, step 120 of 400, 9.1 crops/s")
    expect(page.get_by_text("step 120 of 400")).to_be_visible()
    take_screenshots(page, "backbone-running")
    done = {"state": "succeeded", "stage": "In use", "file": "plate/x", "sha256": "a" * 64, "adopted": True}
    BackboneRun.objects.update(evaluation=MEASURED, labels_missing="", **done)
    expect(page.get_by_role("heading", name="Measured backbones")).to_be_visible()
    take_screenshots(page, "backbone-used")
    page.goto("/models/")
    expect(page.get_by_role("link", name=f"Backbone {run.pk}")).to_be_visible()
    take_screenshots(page, "models-with-backbone")
