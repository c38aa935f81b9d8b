"""The admin: history to read, and the ways to the pages that promote, roll back and show runs live."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from mltasks.models import ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.registry import registry
from tests.mltasks.conftest import make_person
from tests.tiny_model import MakeVersion

VIEW = ("view_registeredmodel", "view_datasetsnapshot", "view_trainingrun", "view_modelversion", "view_promotion")


def _client(name: str, *permissions: str) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(make_person(name, *VIEW, *permissions, staff=True), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def reader(db: None) -> Client:
    """Somebody who may look at everything and change nothing."""
    return _client("ada")


@pytest.fixture
def manager(db: None) -> Client:
    """Somebody who may promote and retrain."""
    return _client("mia", "promote_modelversion", "add_trainingrun")


@pytest.fixture
def versions(model: RegisteredModel, make_version: MakeVersion) -> list[ModelVersion]:
    """A champion and a candidate."""
    return [make_version(model, champion=True), make_version(model)]


@pytest.mark.parametrize("name", ["registeredmodel", "datasetsnapshot", "trainingrun", "modelversion", "promotion"])
def test_it_lists_and_shows_each_but_changes_none(reader: Client, versions: list[ModelVersion], name: str) -> None:
    listed = reader.get(reverse(f"admin:mltasks_{name}_changelist"))
    assert listed.status_code == 200
    row = {
        "registeredmodel": versions[0].model,
        "datasetsnapshot": versions[0].run.snapshot,
        "trainingrun": versions[0].run,
        "modelversion": versions[0],
        "promotion": Promotion.objects.get(),
    }[name]
    assert row is not None
    address = reverse(f"admin:mltasks_{name}_change", args=[row.pk])
    assert reader.get(address).status_code == 200
    assert reader.post(address, {"number": 7}).status_code == 403
    assert reader.get(reverse(f"admin:mltasks_{name}_add")).status_code == 403
    assert reader.post(reverse(f"admin:mltasks_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_a_version_leads_to_its_report_and_lists_figures_with_intervals(
    reader: Client, versions: list[ModelVersion]
) -> None:
    page = reader.get(reverse("admin:mltasks_modelversion_change", args=[versions[0].pk])).content.decode()
    report = reverse("version", args=["plate", 1])
    assert f'href="{report}"' in page
    assert "Promote …" not in page, "Who may not promote is not offered it."
    assert "cross-validation" in reader.get(report).content.decode()
    listed = reader.get(reverse("admin:mltasks_modelversion_changelist")).content.decode()
    figures = re.findall(r"<b>[0-9.]+ %</b> <small>[0-9.]+ % to [0-9.]+ %, <span[^>]*>n = [0-9]+</span>", listed)
    assert len(figures) == 4, "Average precision and recall of both carry their interval and their count."


def test_promotion_leads_to_the_page_that_shows_both_and_asks_why(
    manager: Client, versions: list[ModelVersion]
) -> None:
    address = reverse("admin:mltasks_modelversion_promote", args=[versions[1].pk])
    assert address in manager.get(reverse("admin:mltasks_modelversion_change", args=[versions[1].pk])).content.decode()
    confirmation = reverse("version-promotion", args=["plate", 2])
    answer = manager.get(address, follow=True)
    assert answer.redirect_chain == [(confirmation, 302)]
    page = answer.content.decode()
    assert "csrfmiddlewaretoken" in page
    assert "Promote version 2?" in page
    assert "Champion, version 1" in page
    assert page.count("n = 8") >= 4, "Each figure of both carries its count."

    posted = manager.post(address, {"reason": "Fewer escapes.", "champion": 1})
    assert (posted.status_code, posted["Location"]) == (302, confirmation)
    assert registry.champion(versions[0].model) == versions[0], "Only the confirmation page promotes."

    without = manager.post(confirmation, {"reason": "  ", "champion": 1})
    assert without.status_code == 409
    assert b"This field is required" in without.content
    assert registry.champion(versions[0].model) == versions[0]

    done = manager.post(confirmation, {"reason": "Fewer escapes.", "champion": 1}, follow=True)
    assert b"Version 2 is champion" in done.content
    assert registry.champion(versions[0].model) == versions[1]
    last = Promotion.objects.latest("pk")
    assert (last.by is not None and last.by.username, last.reason) == ("mia", "Fewer escapes.")


def test_it_refuses_when_the_champion_changed_meanwhile(
    manager: Client, versions: list[ModelVersion], make_version: MakeVersion
) -> None:
    third = make_version(versions[0].model, champion=True)
    address = manager.get(reverse("admin:mltasks_modelversion_promote", args=[versions[1].pk]))["Location"]
    page = manager.post(address, {"reason": "Better than version 1.", "champion": 1})
    assert b"The champion has changed since you opened this page" in page.content
    assert registry.champion(third.model) == third


def test_it_refuses_promotion_to_others(reader: Client, versions: list[ModelVersion]) -> None:
    address = reverse("admin:mltasks_modelversion_promote", args=[versions[1].pk])
    assert reader.get(address).status_code == 403
    assert reader.post(address, {"reason": "Please.", "champion": 1}).status_code == 403
    assert Promotion.objects.count() == 1


def test_it_refuses_a_promotion_from_another_site(versions: list[ModelVersion]) -> None:
    client = Client(enforce_csrf_checks=True)
    person = make_person("eve", *VIEW, "promote_modelversion", staff=True)
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    address = reverse("admin:mltasks_modelversion_promote", args=[versions[1].pk])
    assert client.post(address, {"reason": "Tricked.", "champion": 1}).status_code == 403
    assert Promotion.objects.count() == 1


def test_it_says_why_a_broken_version_is_refused(manager: Client, versions: list[ModelVersion]) -> None:
    (versions[1].path / "serving.bin").unlink()
    address = manager.get(reverse("admin:mltasks_modelversion_promote", args=[versions[1].pk]))["Location"]
    page = manager.post(address, {"reason": "Looks good.", "champion": 1})
    assert b"serving.bin" in page.content
    assert registry.champion(versions[0].model) == versions[0]


def test_a_run_leads_to_its_live_page(reader: Client, run: TrainingRun) -> None:
    address, live = reverse("run", args=[run.pk]), reverse("admin:mltasks_trainingrun_live", args=[run.pk])
    TrainingRun.objects.update(
        state="running", progress=0.4, stage="epoch 7", epochs=[{"stage": "epoch 7", "loss": 0.5}]
    )
    assert (
        f'href="{address}"' in reader.get(reverse("admin:mltasks_trainingrun_change", args=[run.pk])).content.decode()
    )
    answer = reader.get(live, follow=True)
    assert answer.redirect_chain == [(address, 302)]
    page = answer.content.decode()
    assert f'hx-get="{reverse("run-live", args=[run.pk])}"' in page
    assert "40 %" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "epoch 7" in page
    TrainingRun.objects.update(state="failed", error="The disk is full.")
    page = reader.get(address).content.decode()
    assert "The disk is full." in page
    assert "Retry run" not in page, "Who may not retrain is not offered it."
    assert (
        "The disk is full." in reader.get(reverse("admin:mltasks_trainingrun_change", args=[run.pk])).content.decode()
    )


def test_a_failed_run_can_be_tried_again(manager: Client, reader: Client, run: TrainingRun) -> None:
    TrainingRun.objects.update(state="failed", error="The disk is full.", attempt=3)
    address = reverse("admin:mltasks_trainingrun_retry", args=[run.pk])
    assert reader.post(address).status_code == 403
    assert manager.get(address).status_code == 405
    assert b"Retry run" in manager.get(reverse("admin:mltasks_trainingrun_live", args=[run.pk]), follow=True).content
    assert b"The run is queued again. A worker starts it" in manager.post(address, follow=True).content
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 0)
    assert b"cannot be retried: it did not fail" in manager.post(address, follow=True).content


def test_a_model_can_be_retrained_by_those_who_may(manager: Client, reader: Client, model: RegisteredModel) -> None:
    address = reverse("admin:mltasks_registeredmodel_change", args=[model.pk])
    assert reverse("retrain", args=["plate"]) in manager.get(address).content.decode()
    assert reverse("retrain", args=["plate"]) not in reader.get(address).content.decode()
