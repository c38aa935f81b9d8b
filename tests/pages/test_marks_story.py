"""The way of marks, in a browser: set by mouse and by finger, frozen into a snapshot, and counted in the report of the
version trained on it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Product, Station
from labeling.datasets.retraining import retrain
from labeling.review import review
from mltasks.models import ModelVersion, TrainingRun
from mltasks.runs.execution import execute
from mltasks.training import training
from mltasks.vision.drawing.draw_part import DrawnPart
from mltasks.vision.types import Mark, parse_marks
from tests.browser import Login, TakeScreenshots
from tests.labeling.trainable_labels import QUICK_CONFIG
from tests.pages.conftest import MakePerson
from tests.pages.fingers import swipe_path, touch
from tests.pages.marking import assert_near, click, drag, open_workbench, tap
from tests.pages.workbench import expect_part, press_key, wait_until_saved
from tests.tiny_model import small_parts

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Shares of the image: left, top, width, height
MARKED = {"mouse-0": (0.25, 0.5, 0, 0), "mouse-1": (0.5, 0.2, 0.25, 0.4), "finger-0": (0.6, 0.3, 0, 0)}


def send(station: Station, drawn: DrawnPart, part_id: str) -> None:
    image = io.BytesIO()
    drawn.image.convert("RGB").save(image, "JPEG")
    intake.receive(Submission(image, station.product, station, filename=f"{part_id}.jpg", part_id=part_id))


def label_without_marks(station: Station, person: User, drawn: list[DrawnPart]) -> None:
    """Label parts by another way than the workbench."""
    for number, part in enumerate(drawn):
        send(station, part, f"told-{number}")
        sent = station.product.inspections.get(part_id=f"told-{number}")
        review.correct(sent, by=person, verdict="PASS" if part.kind.value == "good" else "FAIL")


def mark_by_mouse(page: Page) -> None:
    open_workbench(page)
    expect_part(page, "mouse-0")
    click(page, 0.25, 0.5)
    press_key(page, "f")
    expect_part(page, "mouse-1")
    drag(page, (0.5, 0.2), (0.75, 0.6))
    press_key(page, "f")
    wait_until_saved(page)


def mark_by_finger(page: Page) -> None:
    open_workbench(page)
    expect_part(page, "finger-0")
    tap(page, 0.6, 0.3)
    expect(page.locator("#part .marks i")).to_have_count(1)
    touch(page, swipe_path(300, 120))
    expect(page.locator("#workbench[data-state=empty]")).to_be_visible()
    wait_until_saved(page)


def train(product: Product) -> ModelVersion:
    return execute(training.TrainingExecutor(), retrain(product, trigger=TrainingRun.Trigger.MANUAL, enqueue=False))


def frozen_marks(page: Page) -> dict[str, tuple[Mark, ...]]:
    """Return the marks in the manifest that the snapshot's page offers, by part."""
    page.goto("/models/plate/snapshot-1/")
    expect(page.locator("dt", has_text="Defects with marks or a mask").locator("+ dd")).to_have_text("3")
    expect(page.get_by_text("1 mark", exact=True)).to_have_count(3)
    address = page.locator("a[href$='manifest.csv']").get_attribute("href")
    rows = csv.DictReader(io.StringIO(page.request.get(str(address)).text()))
    return {row["name"].removesuffix(".jpg"): parse_marks(json.loads(row["marks"])) for row in rows if row["marks"]}


@pytest.mark.slow(20)
def test_marks_arrive_in_the_snapshot_and_in_the_report(
    page: Page,
    phone_page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    station: Station,
    make_person: MakePerson,
) -> None:
    # An escape costs so much that every part fails: the figure counts marked parts that the version fails.
    product.fn_cost = 1e6
    product.training_settings = {**QUICK_CONFIG, "synthetic_views": 1, "curve_shares": []}
    product.save()
    ada, mia = make_person("ada"), make_person("mia", "quality manager")
    *told, pointed, framed, tapped = small_parts(31, good=6, scratch=5, excess=0)
    label_without_marks(station, ada, told)

    send(station, pointed, "mouse-0")
    send(station, framed, "mouse-1")
    login(page, ada)
    mark_by_mouse(page)
    page.goto("/")
    send(station, tapped, "finger-0")
    login(phone_page, ada)
    mark_by_finger(phone_page)

    version = train(product)
    login(page, mia)
    frozen = frozen_marks(page)
    assert set(frozen) == set(MARKED)
    for part_id, sides in MARKED.items():
        assert_near(frozen[part_id], sides)

    figure = version.report.evaluation["metrics"]["localization"]
    assert (figure["n"], figure["parts"]) == (3, 3)
    page.goto(f"/models/plate/{version.number}/")
    shown = page.locator(".metric", has=page.get_by_role("heading", name="Points at the marked defect"))
    expect(shown.locator("svg.interval")).to_be_visible()
    expect(shown).to_contain_text(f"{figure['low']:.0%} to {figure['high']:.0%}, n = 3".replace("%", " %"))
    take_screenshots(page, "marked-defects")
