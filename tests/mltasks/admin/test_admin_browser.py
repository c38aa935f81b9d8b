"""The admin in Chromium: promotion through its confirmation, and a run that is watched while it runs."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from mltasks.models import RegisteredModel, TrainingRun
from mltasks.registry import registry
from mltasks.snapshots.snapshots import freeze
from tests.browser import Login, TakeScreenshots
from tests.mltasks.conftest import make_run
from tests.tiny_model import PLAIN_CONFIG, MakeVersion, labeled_samples

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def superuser() -> User:
    return User.objects.create_superuser("boss", password="a-long-password")


def test_a_manager_promotes_with_a_reason(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    live_site: str,
    superuser: User,
    make_version: MakeVersion,
) -> None:
    model = RegisteredModel.objects.create(name="plate")
    make_version(model, champion=True)
    candidate = make_version(model)
    login(page, superuser)
    page.goto(live_site + "/admin/")
    page.goto(live_site + reverse("admin:mltasks_modelversion_changelist"))
    take_screenshots(page, "admin-versions")
    page.goto(live_site + reverse("admin:mltasks_modelversion_change", args=[candidate.pk]))
    take_screenshots(page, "admin-version")
    page.get_by_role("link", name="Open its page").click()
    assert page.locator(".drawn svg").count() >= 4
    stored = page.locator("img[src*='/plots/']")
    stored.scroll_into_view_if_needed()
    assert stored.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    page.goto(live_site + reverse("admin:mltasks_modelversion_change", args=[candidate.pk]))
    page.get_by_role("link", name="Promote …").click()
    page.get_by_label("Reason").fill("Fewer escapes on the same parts.")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_text("Version 2 is champion: it scores the next part.")).to_be_visible()
    assert registry.champion(model) == candidate


def test_a_run_is_watched_while_it_runs(
    page: Page, login: Login, take_screenshots: TakeScreenshots, live_site: str, superuser: User
) -> None:
    model = RegisteredModel.objects.create(name="plate")
    epochs = [{"stage": "fold 1 of 2, epoch 1", "loss": 0.52, "recall": 0.5}]
    run = make_run(
        freeze(model, labeled_samples(), PLAIN_CONFIG),
        state="running",
        attempt=1,
        progress=0.25,
        stage="epoch 1",
        epochs=epochs,
    )
    login(page, superuser)
    page.goto(live_site + reverse("admin:mltasks_trainingrun_change", args=[run.pk]))
    take_screenshots(page, "admin-run")
    page.get_by_role("link", name="Open its page").click()
    live = page.locator(".live")
    expect(live).to_contain_text("25")
    TrainingRun.objects.update(progress=0.5, stage="epoch 2")
    expect(live).to_contain_text("epoch 2", timeout=8000)
    TrainingRun.objects.update(state="failed", error="The disk is full.", log="OSError\n")
    expect(page.get_by_role("alert")).to_contain_text("The disk is full.", timeout=8000)
    page.get_by_role("button", name="Retry run").click()
    expect(page.get_by_text("The run is queued again. A worker starts it in a moment.")).to_be_visible()
    run.refresh_from_db()
    assert run.state == "queued"
