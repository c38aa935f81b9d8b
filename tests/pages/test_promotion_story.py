"""The way of two candidates, in a browser: trained, replayed, held to the gate, promoted, challenged, rolled back, and
all of it on the record."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from PIL import Image
from playwright.sync_api import Page, expect

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Replay, Station
from inspection.products import products
from inspection.promotion import shadow_scoring
from inspection.replay import replay
from labeling.datasets.retraining import retrain
from labeling.review import review
from mltasks.models import ModelVersion, TrainingRun
from mltasks.runs.execution import execute
from mltasks.training import training
from mltasks.vision.drawing.line import labeled_set
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson
from tests.tiny_model import CONFIG, MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Small, and good enough to tell these parts apart: the backbone that ships, one detector.
RECIPE = {
    **{name: getattr(CONFIG, name) for name in ("folds", "max_epochs", "patience", "batch_size", "oversampling")},
    "autoencoder_epochs": 1,
    "threads": 1,
    "precision": "f32",
    "trade_points": 0,
    "backbone_weights": "shipped",
    "height": 160,
    "width": 96,
    "views": 2,
    "dense_epochs": 2,
    "stage_epochs": 0,
    "companion": "",
    "detectors": ["memory"],
    "curve_shares": [],
}


def send_parts(station: Station, seed: int, *counts: int) -> list[tuple[Inspection, str]]:
    """Parts of the demo line that came in at the station, with what they are."""
    good, scratch, excess = counts
    found = []
    for number, drawn in enumerate(labeled_set(seed, good=good, scratch=scratch, excess=excess)):
        image = io.BytesIO()
        drawn.image.convert("RGB").resize((180, 330), Image.Resampling.BILINEAR).save(image, "JPEG")
        part = intake.receive(Submission(image, station.product, station, part_id=f"P-{seed}-{number}"))
        found.append((part, "PASS" if drawn.kind.value == "good" else "FAIL"))
    return found


def label_parts(parts: list[tuple[Inspection, str]], by: User, *, let_pass: int = 0) -> None:
    """Label the parts; the first defective ones are let pass."""
    for part, word in sorted(parts, key=lambda one: one[1] == "PASS"):
        review.correct(part, by=by, verdict="PASS" if let_pass > 0 else word)
        let_pass -= 1


def train(product: Product) -> ModelVersion:
    return execute(training.TrainingExecutor(), retrain(product, trigger=TrainingRun.Trigger.MANUAL, enqueue=False))


def replay_on_page(page: Page, number: int) -> None:
    """Ask for a replay on the page, and do what the worker does."""
    page.goto(f"/models/plate/{number}/replay/")
    page.get_by_role("button", name="Start replay").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    execute(replay.ReplayExecutor(), Replay.objects.get(candidate__number=number))
    expect(page.get_by_role("heading", name="Verdicts of both versions")).to_be_visible()


@pytest.mark.slow(50)
def test_two_candidates_go_their_way(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    station: Station,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> None:
    mia, ada = make_person("mia", "quality manager"), make_person("ada")
    make_version(product, champion=True)
    # A review costs nearly as much as the worst doubt, so that parts pass or fail, except those unlike anything known.
    product.review_cost, product.fn_cost, product.escape_promise = 0.35, 1, 1
    product.audit_share = product.fail_audit_share = 0
    # Version 1 sends nearly all parts to people: a version that costs less lets more of them pass.
    product.gate_champion_recall, product.gate_escapes = False, 8
    product.training_settings = RECIPE
    products.change(product, by=mia, reason="Costs decide, up to eight new escapes.")
    taught = send_parts(station, 5, 12, 8, 8)
    # Somebody let most defects pass, and a night's training learned it.
    label_parts(taught, ada, let_pass=12)
    worse = train(product)
    label_parts(taught, ada)
    better = train(product)
    since = send_parts(station, 77, 26, 12, 12)
    label_parts(since, ada)

    login(page, mia)
    replay_on_page(page, worse.number)
    expect(page.locator(".lead")).to_contain_text("Neither version was trained on 50 labeled parts.")
    replay_on_page(page, better.number)
    expect(page.get_by_text("Left out because a version was trained on them: 28")).to_be_visible()
    take_screenshots(page, "replay")

    page.goto(f"/models/plate/{worse.number}/promote/")
    gate = page.locator("section", has=page.get_by_role("heading", name="Promotion gate"))
    expect(gate).to_contain_text("The gate is closed.")
    failing = gate.get_by_role("listitem").filter(has_text="failed")
    expect(failing).to_contain_text(["Cost.", "New escapes."])
    expect(gate.get_by_role("listitem").first).to_contain_text("failed")
    take_screenshots(page, "gate-closed")
    page.get_by_label("Reason").fill("It is new.")
    page.get_by_role("button", name=f"Promote version {worse.number}").click()
    expect(page.get_by_role("alert")).to_contain_text("The gate is closed for this version. Cost")

    page.goto(f"/models/plate/{better.number}/promote/")
    expect(gate).to_contain_text("Ready to promote.")
    page.get_by_label("Reason").fill("It stops what the first lets pass.")
    page.get_by_role("button", name=f"Promote version {better.number}").click()
    expect(page.get_by_text(f"Version {better.number} is champion")).to_be_visible()

    page.goto(f"/models/plate/{worse.number}/challenger/")
    page.get_by_role("button", name="Start as challenger").click()
    expect(page.get_by_text("The challenger has not scored a live part yet.")).to_be_visible()
    live = send_parts(station, 99, 4, 2, 2)
    label_parts(live, ada)
    assert {part.model_version for part, _ in live} == {better}
    assert shadow_scoring.score_pending_challenges() == 8
    expect(page.get_by_text("The challenger has scored 8 live parts: too few")).to_be_visible()
    expect(page.get_by_role("heading", name="Newest parts with different verdicts")).to_be_visible()
    take_screenshots(page, "challenger")
    page.get_by_role("button", name="End challenge").click()
    expect(page.get_by_text("The challenge has ended.")).to_be_visible()

    page.goto("/models/")
    page.get_by_role("link", name="Roll back to version 1 …").click()
    page.get_by_label(f"What is wrong with version {better.number}?").fill("It lets scratches pass.")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.get_by_text("Rolled back: version 1 scores the next part.")).to_be_visible()
    page.get_by_role("link", name="Audit log").first.click()
    expect(page.locator(".timeline strong").first).to_be_visible()
    told = [words.strip() for words in page.locator(".timeline strong").all_inner_texts()]
    assert [words for words in told if words.startswith(("Rolled", "Version", "Costs"))] == [
        f"Rolled back to version 1; it replaced version {better.number}",
        f"Version {worse.number} ended as challenger",
        f"Version {worse.number} became challenger on 100 % of the parts",
        f"Version {better.number} became champion; it replaced version 1",
        "Costs and policy changed",
        "Version 1 became champion",
        "Costs and policy changed",  # by the fixture: nothing is judged twice by chance
    ]
    page.get_by_text("Promotion gate").nth(1).click()
    take_screenshots(page, "record")
