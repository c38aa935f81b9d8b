"""Nothing that axe calls serious or critical, on each page, in both themes, wide and narrow; nothing wider than the
window; no page over its budget; no page forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from playwright.sync_api import Page, Route, expect

from inspection.models import Product
from inspection.promotion import shadow_scoring
from inspection.replay import replay
from labeling.datasets.defect_type_service import add_example, add_type, merge_types
from labeling.datasets.pretraining_request import pretrain
from labeling.models import DefectType
from labeling.review import review
from mltasks.models import TrainingRun
from mltasks.runs.execution import execute
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig
from tests.browser import DESKTOP, PHONE, Login
from tests.pages.axe import violations
from tests.pages.conftest import MakePerson, Receive
from tests.pages.every_page import ADDRESSES, NEED_NO_PRODUCT
from tests.tiny_model import MakeVersion
from tests.tiny_model import _make as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_BYTES = 60_000
JS = Path(__file__).resolve().parents[2] / "webapp" / "static" / "js"
DOUBTS = [{"sha256": "0" * 64, "name": "scratch-07.jpg", "target": 1, "probability": 0.04}]
EPOCHS = [{"epoch": n, "train_loss": 1 / n, "validation_loss": 1.2 / n, "learning_rate": 3e-4} for n in (1, 2, 3)]
ERRORS = ("400", "403", "403_csrf", "429", "500", "503")


@pytest.fixture
def pages(
    page: Page,
    login: Login,
    product: Product,
    receive: Receive,
    make_person: MakePerson,
    make_version: MakeVersion,
    learned: LearnedVersion,
) -> dict[str, str]:
    """The address of every page, by name, with something on each."""
    receive("P-0")
    champion = make_version(product, champion=True)
    second = make_version(product)
    parts = [receive(f"P-{number}", number) for number in range(1, 4)]
    doubting = make(product.registered_model, replace(learned, report=learned.report | {"suspects": DOUBTS}), False)
    runs = TrainingRun.objects
    runs.filter(pk=second.run_id).update(state="failed", error="The machine has not enough memory.", stage="Failed")
    runs.filter(pk=doubting.run_id).update(state="running", progress=0.4, stage="fold 1 of 2, epoch 3", epochs=EPOCHS)
    execute(replay.ReplayExecutor(), replay.start(doubting, enqueue=False))
    shadow_scoring.start_challenge(second, by=None)
    receive("P-9")
    assert shadow_scoring.score_pending_challenges() == 1
    make_version(product, champion=True)
    person = make_person("mia", "quality manager")
    User.objects.filter(pk=person.pk).update(is_staff=True)
    review.correct(parts[0], by=person, verdict="FAIL", defect_type="scratch")
    review.correct(parts[1], by=person, verdict="FAIL", defect_type="excess")
    scratch, excess = DefectType.objects.order_by("key")
    add_example(scratch, parts[0], by=person)
    merge_types(add_type(product, name="line", key="3"), into=scratch)
    keys = {
        "part": parts[0].pk,
        "run": champion.run_id,
        "failed_run": second.run_id,
        "running_run": doubting.run_id,
        "lesson": pretrain(product, PretrainingConfig(), enqueue=False).pk,
        "kind": excess.pk,
        "other_kind": scratch.pk,
    }
    login(page, person)
    return {name: address.format(**keys) for name, address in ADDRESSES.items()}


@pytest.mark.slow(45)
def test_no_page_has_a_grave_fault_or_is_too_wide_or_over_its_budget(page: Page, pages: dict[str, str]) -> None:
    found: dict[str, list[str]] = {}
    for name, address in pages.items():
        response = page.goto(address)
        assert response is not None
        if name == "review":
            expect(page.locator("#part .part")).to_be_visible()
        heavy = ["over its budget"] if len(response.body()) > MOST_BYTES else []
        if wrong := [*heavy, *_too_wide(page), *violations(page)]:
            found[name] = wrong
    assert not found, found
    assert sum(file.stat().st_size for file in JS.rglob("*.js")) < 40_000


def _too_wide(page: Page) -> list[str]:
    wide = []
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(f"wider than {size['width']} px")
    return wide


def test_pages_without_a_product_have_no_grave_fault(page: Page, login: Login, make_person: MakePerson) -> None:
    login(page, make_person("mia", "quality manager"))
    found = {}
    for address in NEED_NO_PRODUCT:
        page.goto(address)
        found[address] = violations(page)
    assert not any(found.values()), found


def test_what_a_stranger_sees_has_no_grave_fault(page: Page) -> None:
    page.goto("/login/?next=/models/")
    found = {"login": violations(page)}
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    found["login refused"] = violations(page)
    page.goto("/no-such-page/")
    found["404"] = violations(page)
    page.route("**/broken/*", _broken)
    for name in ERRORS:
        page.goto(f"/broken/{name}")
        expect(page.get_by_role("heading")).to_be_visible()
        found[name] = violations(page)
    assert not any(found.values()), found


def _broken(route: Route) -> None:
    """Answer as the site does when it is that broken."""
    name = route.request.url.rsplit("/", 1)[-1]
    body = render_to_string(f"{name}.html")
    route.fulfill(status=int(name[:3]), body=body, content_type="text/html")


def test_everything_is_reached_by_keyboard(page: Page, login: Login, product: Product, make_person: MakePerson) -> None:
    login(page, make_person("mia", "quality manager"))
    page.goto("/inspections/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
