"""From a part back to all it rests on, in a real browser: the chain, the snapshot, the model card on paper."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.datasets.datasets import take_snapshot
from labeling.review import review
from mltasks.models import TrainingRun
from mltasks.registry import registry
from tests.browser import Login, TakeScreenshots
from tests.labeling.trainable_labels import label_drawn_parts
from tests.pages.conftest import MakePerson, Receive
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_part_leads_back_to_all_it_rests_on(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    receive: Receive,
    make_version: MakeVersion,
    tmp_path: Path,
) -> None:
    mia, ada = make_person("mia", "quality manager"), make_person("ada")
    label_drawn_parts(product)
    registry.promote(make_version(product), by=mia, reason="Finds every scratch of the first week.")
    part = receive("P-1", 1)
    review.correct(part, by=ada, verdict="FAIL", defect_type="scratch")
    snapshot = take_snapshot(product)
    second = make_version(product)
    TrainingRun.objects.filter(pk=second.run_id).update(snapshot=snapshot, requested_by=mia)
    registry.promote(second, by=mia, reason="Ten points fewer false alarms.", override="The line is new.")
    review.correct(part, by=mia, verdict="PASS")
    login(page, ada)

    page.goto(f"/inspections/{part.pk}/")
    section = page.get_by_role("region", name="Origin of this verdict")
    expect(section).to_contain_text("Champion when this part was decided: promoted")
    expect(section).to_contain_text(
        "Snapshot 2 has this image as FAIL. The label was corrected later. The standing label is PASS."
    )
    section.scroll_into_view_if_needed()
    take_screenshots(page, "part-lineage")

    section.get_by_role("link", name="Snapshot 2").first.click()
    row = page.locator("#items tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("scratch")
    page.get_by_role("link", name="Clear").click()
    expect(row).to_have_count(17)
    page.get_by_label("Defect type").select_option("no type")
    expect(row).to_have_count(8)
    with page.expect_download() as download:
        page.get_by_role("link", name="Manifest (JSONL)").click()
    assert download.value.suggested_filename == "plate-snapshot-2.jsonl"
    assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == snapshot.sha256
    page.goto("/models/plate/snapshot-2/")
    take_screenshots(page, "snapshot")

    page.get_by_role("link", name="Version 2").click()
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", name="plate, version 2")).to_be_visible()
    take_screenshots(page, "model-card")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("link", name="Full report")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(20, 24, 29)"
