"""A rollback brings back the right version, for a reason, once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from mltasks.models import ModelVersion, Promotion, RegisteredModel
from mltasks.registry import registry
from tests.mltasks.admin.test_admin import VIEW
from tests.mltasks.conftest import make_person
from tests.tiny_model import MakeVersion


@pytest.fixture
def model(db: None) -> RegisteredModel:
    return RegisteredModel.objects.create(name="plate")


@pytest.fixture
def versions(model: RegisteredModel, make_version: MakeVersion) -> list[ModelVersion]:
    """Three versions, each of which was champion, the third is."""
    return [make_version(model, champion=True) for _ in range(3)]


@pytest.fixture
def manager(db: None) -> Client:
    client = Client()
    person = make_person("mia", *VIEW, "promote_modelversion", staff=True)
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return client


def roll_back(version: ModelVersion) -> None:
    registry.roll_back(version, by=None, reason="More false alarms.")


def promote(version: ModelVersion) -> None:
    registry.promote(version, by=None, reason="Better again.", override="In this test.")


def former_champions(model: RegisteredModel) -> list[int]:
    return [version.number for version in registry.former_champions(model.pk)]


def test_it_never_offers_what_was_rolled_back_from(model: RegisteredModel, versions: list[ModelVersion]) -> None:
    first, second, third = versions
    assert former_champions(model) == [2, 1]
    roll_back(second)
    assert registry.rollback_target(model) == first, "Not the third, which is what was wrong."
    roll_back(first)
    assert registry.rollback_target(model) is None
    promote(third)
    assert former_champions(model) == [1], "Promoted again by the gate it is a champion like any other."
    promote(second)
    assert former_champions(model) == [3, 1]


def test_a_rollback_over_several_withdraws_them_all(model: RegisteredModel, versions: list[ModelVersion]) -> None:
    first, _, third = versions
    roll_back(first)
    assert former_champions(model) == []
    roll_back(third)
    assert former_champions(model) == [], "The first was what people did not want this time."


def test_a_version_that_came_back_by_a_promotion_counts_once(
    model: RegisteredModel, versions: list[ModelVersion]
) -> None:
    promote(versions[0])
    assert former_champions(model) == [3, 2]


def test_it_refuses_without_a_reason(model: RegisteredModel, versions: list[ModelVersion]) -> None:
    with pytest.raises(registry.ReasonMissing, match="A rollback needs a reason"):
        registry.roll_back(versions[1], by=None, reason="  ")
    assert registry.champion(model) == versions[2]


def test_the_page_asks_why_and_says_what_changes(
    manager: Client, model: RegisteredModel, versions: list[ModelVersion]
) -> None:
    address = reverse("version-roll-back", args=["plate", 2])
    page = manager.get(address).content.decode()
    assert "What is wrong with version 3?" in page and registry.champion(model) == versions[2]
    assert manager.post(address, {"reason": " ", "champion": 3}).status_code == 400
    assert manager.post(address, {"reason": "Too many alarms."}).status_code == 400, "Over which champion?"
    assert registry.champion(model) == versions[2]
    done = manager.post(address, {"reason": "Too many alarms.", "champion": 3}, follow=True)
    assert done.redirect_chain == [(reverse("version", args=["plate", 2]), 302)]
    assert "Rolled back: version 2 scores the next part." in done.content.decode()
    assert "Roll back to version 1 …" in done.content.decode() and "version 3 …" not in done.content.decode()
    last = Promotion.objects.latest("pk")
    assert (last.kind, last.reason, last.by and last.by.username) == ("rollback", "Too many alarms.", "mia")


def test_a_second_submit_changes_nothing(manager: Client, model: RegisteredModel, versions: list[ModelVersion]) -> None:
    address = reverse("version-roll-back", args=["plate", 2])
    form = {"reason": "Too many alarms.", "champion": 3}
    assert manager.post(address, form).status_code == 302
    answer = manager.post(address, form)
    assert answer.status_code == 409 and b"is champion already" in answer.content
    assert Promotion.objects.filter(kind="rollback").count() == 1 and registry.champion(model) == versions[1]


def test_a_stale_page_changes_nothing(manager: Client, model: RegisteredModel, versions: list[ModelVersion]) -> None:
    roll_back(versions[1])
    answer = manager.post(reverse("version-roll-back", args=["plate", 1]), {"reason": "Worse.", "champion": 3})
    assert answer.status_code == 409 and b"The champion has changed since you opened this page" in answer.content
    assert b"What is wrong with version 2?" in answer.content, "The next decision is over the present champion."
    assert registry.champion(model) == versions[1]


def test_what_was_rolled_back_from_says_so_where_people_look_for_it(
    manager: Client, versions: list[ModelVersion]
) -> None:
    roll_back(versions[1])
    page = manager.get(reverse("version", args=["plate", 3])).content.decode()
    assert "Roll back" not in page
    page = manager.get(reverse("version-roll-back", args=["plate", 3])).content.decode()
    assert "was itself replaced by a rollback" in page and "More false alarms." in page


def test_who_never_was_champion_is_promoted(manager: Client, model: RegisteredModel, make_version: MakeVersion) -> None:
    make_version(model, champion=True)
    make_version(model)
    address = reverse("version-roll-back", args=["plate", 2])
    for answer in (
        manager.get(address, follow=True),
        manager.post(address, {"reason": "x", "champion": 1}, follow=True),
    ):
        assert b"was never champion, so a rollback cannot restore it. Promote it instead" in answer.content


def test_it_refuses_others(db: None, versions: list[ModelVersion]) -> None:
    client = Client()
    client.force_login(make_person("rob", *VIEW, staff=True), "django.contrib.auth.backends.ModelBackend")
    for address in ("version-roll-back", "admin:mltasks_modelversion_roll_back"):
        where = ["plate", 2] if address == "version-roll-back" else [versions[1].pk]
        assert client.post(reverse(address, args=where), {"reason": "x", "champion": 3}).status_code == 403


def test_the_admin_asks_why_too(manager: Client, model: RegisteredModel, versions: list[ModelVersion]) -> None:
    champion = manager.get(reverse("admin:mltasks_modelversion_change", args=[versions[2].pk])).content.decode()
    address = reverse("admin:mltasks_modelversion_roll_back", args=[versions[1].pk])
    assert address in champion
    confirmation = manager.get(address)["Location"]
    assert "What is wrong with version 3?" in manager.get(confirmation).content.decode()
    assert manager.post(confirmation, {"champion": 3}).status_code == 400
    assert manager.post(confirmation, {"reason": "Worse.", "champion": 1}).status_code == 409
    done = manager.post(confirmation, {"reason": "Worse.", "champion": 3}, follow=True)
    assert b"scores the next part" in done.content and registry.champion(model) == versions[1]


def test_the_command_takes_the_champion_before(
    model: RegisteredModel, versions: list[ModelVersion], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("roll_back", "plate", "--reason", "Worse.")
    assert capsys.readouterr().out == "Version 2 is champion of plate again in place of version 3.\n"
    call_command("roll_back", "plate", "--to", "1", "--reason", "Worse, too.")
    assert registry.champion(model) == versions[0]
    for arguments, words in (
        (["plate", "--reason", "x"], "no former champion"),
        (["none", "--reason", "x"], "no product 'none'"),
        (["plate", "--to", "9", "--reason", "x"], "no version 9"),
        (["plate", "--to", "2", "--reason", " "], "needs a reason"),
        (["plate", "--to", "2", "--reason", "x", "--by", "nobody"], "no user 'nobody'"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("roll_back", *arguments)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_wins(make_version: MakeVersion) -> None:
    model = RegisteredModel.objects.create(name="raced")
    first, second, _ = (make_version(model, champion=True) for _ in range(3))
    ready = threading.Barrier(2)

    def race(version: ModelVersion) -> str:
        try:
            ready.wait()
            registry.roll_back(version, by=None, reason="Worse.", over=3)
            return "won"
        except registry.ChampionChanged:
            return "lost"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(race, (first, second))) == ["lost", "won"]
    assert Promotion.objects.filter(kind="rollback").count() == 1
