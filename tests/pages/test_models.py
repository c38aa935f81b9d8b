"""The models' pages in a real browser: a report to read, a promotion to think over, a retraining to watch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from inspection.models import Product
from mltasks.models import ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.registry import registry
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving.bundle import MANIFEST
from mltasks.vision.stats.intervals import Estimate
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson
from tests.tiny_model import MakeVersion, replace_file
from tests.tiny_model import _make as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


SECTIONS = [
    *("Key figures", "Escape guarantee", "Cost by threshold", "Confusion matrix", "Ranking"),
    *("Reliability", "Novelty", "By defect type", "Worst errors", "Label issues"),
    *("Evaluation method", "Components and origin", "Verification"),
]
NEW_FILES = ("plots/cost.svg", "plots/novelty.svg", "plots/defect_types.svg", "-map.jpg")


def test_it_reads_like_a_report(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    version = make_version(product, champion=True)
    counts, promise = (version.report.evaluation[name] for name in ("counts", "promise"))
    login(page, make_person("ada"))
    page.goto("/models/")
    take_screenshots(page, "models")
    page.get_by_role("link", name="Version 1").first.click()
    expect(page.locator(".lead")).to_contain_text("of defective parts")
    expect(page.locator(".lead")).to_contain_text(f"label {promise['more_defective_labels_needed']} more defective")
    expect(page.get_by_text(f"Of {counts['defect']} defective parts it failed")).to_be_visible()
    expect(page.get_by_text(version.report.protocol)).to_be_visible()
    assert page.locator("main h2").all_inner_texts() == SECTIONS
    expect(page.get_by_role("link", name="Promote")).to_have_count(0)
    take_screenshots(page, "version")


def test_its_pictures_arrive_where_room_was_kept_for_them(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    version = make_version(product)
    login(page, make_person("ada"))
    page.goto("/models/plate/1/")
    height = "document.querySelector('main').scrollHeight"
    before = page.evaluate(height)
    pictures = page.locator("main img").all()
    # The run of a version made by hand has no epochs: its loss by epoch comes from the stored plot.
    assert len(pictures) == 1 + 2 * len(version.report.evaluation["worst_mistakes"])
    assert page.locator("main .drawn svg").count() == 4
    for picture in pictures:
        expect_loaded(picture)
    assert page.evaluate(height) == before
    page.get_by_role("heading", name="Worst errors").scroll_into_view_if_needed()
    take_screenshots(page, "version-mistakes")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def expect_loaded(picture: Locator) -> None:
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0


def test_it_says_whether_more_labels_would_help(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    learned: LearnedVersion,
) -> None:
    with_curve(product.registered_model, learned)
    login(page, make_person("ada"))
    page.goto("/models/plate/1/")
    section = page.get_by_role("region", name="Would more labels help?")
    expect(section).to_contain_text("From 672 to 1344 labels average precision rose by 3.6 points")
    expect(section.get_by_role("img", name="Average precision by the number of labels")).to_be_visible()
    expect(section.get_by_text("88.6 %")).to_be_visible()
    take_screenshots(page, "version-labels")


def test_a_report_from_before_opens_without_what_it_lacks(
    page: Page, login: Login, product: Product, make_person: MakePerson, learned: LearnedVersion, transactional_db: None
) -> None:
    old_version(product.registered_model, learned)
    login(page, make_person("ada"))
    page.goto("/models/plate/1/")
    expect(page.locator(".lead")).to_contain_text("of defective parts")
    lacking = ("Escape guarantee", "Label issues")
    assert page.locator("main h2").all_inner_texts() == [title for title in SECTIONS if title not in lacking]
    expect(page.get_by_role("img", name="Reconstruction errors of good and defective parts")).to_have_count(1)
    expect(page.get_by_alt_text("The same image with the version's heatmap")).to_have_count(0)
    expect(page.get_by_text("AUROC").first).to_be_visible()


def with_curve(model: RegisteredModel, learned: LearnedVersion) -> None:
    """A version whose report has a learning curve: the session's own has too few parts for one."""
    report = json.loads(json.dumps(learned.report))
    steps = [(336, 0.80, None), (672, 0.85, 0.05), (1344, 0.886, 0.036)]
    report["curves"]["labels"] = [
        {"labels": count, "average_precision": _estimate(value), "gain": _estimate(gain) if gain else None}
        for count, value, gain in steps
    ]
    make(model, replace(learned, report=report), champion=False)


def _estimate(value: float) -> dict[str, Any]:
    return Estimate(value, value - 0.03, value + 0.03, 1344, 277, "by hand").to_json()


def old_version(model: RegisteredModel, learned: LearnedVersion) -> ModelVersion:
    """A version as they were before promises, detectors and maps."""
    report = json.loads(json.dumps(learned.report))
    for name in ("promise", "chance_calibration_error", "novelty", "suspects"):
        del report[name]
    for name in ("calibration_error", "routed_escape_rate"):
        del report["metrics"][name]
    del report["review_band"]["binds"], report["curves"]["cost"], report["curves"]["novelty"]
    meta = {name: value for name, value in learned.meta.items() if name not in ("fusion", "novelty", "escapes")}
    meta["calibration"] = {"slope": 1.0, "intercept": 0.0}
    version = make(model, replace(learned, report=report, meta=meta), champion=False)
    manifest = json.loads((version.path / MANIFEST).read_bytes())
    kept = {name: digest for name, digest in manifest.items() if not name.endswith(NEW_FILES)}
    replace_file(version.path / MANIFEST, json.dumps(kept).encode())
    return version


def test_it_promotes_with_a_reason_after_a_comparison(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    make_version(product, champion=True)
    make_version(product)
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/plate/2/")
    page.get_by_role("link", name="Promote").click()
    expect(page.get_by_role("columnheader", name="Champion, version 1")).to_be_visible()
    take_screenshots(page, "promotion")
    page.get_by_label("Reason").fill("Sees scratches better.")
    page.get_by_label("Override").fill("The line has not started.")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.locator(".note.success")).to_contain_text("Version 2 is champion")
    champion = registry.champion(product.registered_model)
    assert champion is not None
    assert champion.number == 2
    promotion = Promotion.objects.first()
    assert promotion is not None
    assert promotion.by is not None
    assert (promotion.by.username, promotion.reason) == ("mia", "Sees scratches better.")


def test_it_rolls_back_for_a_reason(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    for _ in range(2):
        make_version(product, champion=True)
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/")
    page.get_by_role("link", name="Roll back to version 1 …").click()
    expect(page.get_by_role("heading", name="Roll back to version 1?")).to_be_visible()
    take_screenshots(page, "roll-back")
    page.get_by_label("What is wrong with version 2?").fill("Twice the false alarms of last week.")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.locator(".note.success")).to_contain_text("version 1 scores the next part")
    expect(page.get_by_role("link", name="Roll back")).to_have_count(0)
    page.goto("/models/")
    expect(page.get_by_role("link", name="Roll back")).to_have_count(0)
    take_screenshots(page, "models-rolled-back")
    last = Promotion.objects.first()
    assert last is not None and last.by is not None
    assert (last.by.username, last.version.number, last.reason) == ("mia", 1, "Twice the false alarms of last week.")


def test_it_rolls_back_from_the_champion_s_page(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    for _ in range(2):
        make_version(product, champion=True)
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/plate/2/")
    take_screenshots(page, "version-champion")
    page.get_by_role("link", name="Roll back to version 1 …").click()
    third = make_version(product, champion=True)
    page.get_by_label("What is wrong with version 2?").fill("Too many alarms.")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.get_by_role("alert")).to_contain_text("The champion has changed since you opened this page")
    assert registry.champion(product.registered_model) == third
    expect(page.get_by_label("What is wrong with version 3?")).to_have_value("Too many alarms.")


def test_it_refuses_a_promotion_over_a_champion_that_changed_meanwhile(
    page: Page, login: Login, product: Product, make_person: MakePerson, make_version: MakeVersion
) -> None:
    make_version(product, champion=True)
    make_version(product)
    third = make_version(product)
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/plate/2/promote/")
    registry.promote(third, by=None, reason="Somebody was quicker.", override="The line has not started.")
    page.get_by_label("Reason").fill("Sees scratches better.")
    page.get_by_label("Override").fill("The line has not started.")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_role("alert")).to_contain_text("The champion has changed since you opened this page")
    champion = registry.champion(product.registered_model)
    assert champion is not None
    assert champion.number == 3
    # The comparison is with the new champion now, and so is the next decision.
    expect(page.get_by_role("columnheader", name="Champion, version 3")).to_be_visible()
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.locator(".note.success")).to_contain_text("Version 2 is champion")


def test_it_shows_a_run_live(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    run = make_version(product).run
    rows = TrainingRun.objects.filter(pk=run.pk)
    epochs = [{"epoch": n, "train_loss": 1 / n, "validation_loss": 1.2 / n, "learning_rate": 3e-4} for n in (1, 2, 3)]
    rows.update(state="running", progress=0.4, stage="fold 1 of 2, epoch 3", epochs=epochs, log="07:00:00 begun\n")
    login(page, make_person("ada"))
    page.goto(f"/models/run-{run.pk}/")
    expect(page.get_by_text("fold 1 of 2, epoch 3")).to_be_visible()
    take_screenshots(page, "run")
    rows.update(state="failed", error="The machine has not enough memory.", stage="Failed")
    expect(page.get_by_role("alert")).to_contain_text("not enough memory")
    expect(page.get_by_text("The champion continues to score.")).to_be_visible()


def test_retraining_without_labels_says_why_not(
    page: Page, login: Login, product: Product, make_person: MakePerson
) -> None:
    login(page, make_person("mia", "quality manager"))
    page.goto("/models/")
    page.get_by_role("button", name="Retrain now").click()
    expect(page.locator(".note.error")).to_be_visible()
    assert not TrainingRun.objects.exists()
