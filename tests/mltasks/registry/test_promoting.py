"""One champion a registered model, whoever promotes, and a row for ever that says why."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import ProgrammingError, connection

from mltasks.models import ModelVersion, Promotion, RegisteredModel
from mltasks.registry import registry
from mltasks.vision.serving import bundle
from mltasks.vision.serving.bundle import BundleCorrupt
from tests.stress import stress_count
from tests.tiny_model import MakeVersion, replace_file

RACES, PEOPLE = stress_count(200, 1000), 50


@pytest.fixture
def model(db: None) -> RegisteredModel:
    return RegisteredModel.objects.create(name="plate")


def test_it_makes_the_first_champion(model: RegisteredModel, make_version: MakeVersion) -> None:
    version = make_version(model)
    assert registry.champion(model) is None
    promotion = registry.promote(version, by=None, reason=" It is the first. ")
    assert registry.champion(model) == version
    assert (promotion.previous, promotion.reason) == (None, "It is the first.")
    assert version.state == ModelVersion.State.CHAMPION


def test_it_retires_the_one_before_and_rolls_back(model: RegisteredModel, make_version: MakeVersion) -> None:
    first, second = make_version(model, champion=True), make_version(model)
    registry.promote(second, by=None, reason="Better recall.")
    first.refresh_from_db()
    assert first.state == ModelVersion.State.RETIRED
    back = registry.promote(first, by=None, reason="More false alarms than before.")
    assert registry.champion(model) == first
    assert back.previous == second
    assert Promotion.objects.count() == 3


def test_a_former_champion_comes_back_though_the_newer_ones_files_are_gone(
    model: RegisteredModel, make_version: MakeVersion
) -> None:
    first, second = make_version(model, champion=True), make_version(model, champion=True)
    assert registry.rollback_target(model) == first
    (second.path / "model.safetensors").unlink()

    back = registry.roll_back(first, by=None, reason="It can't be read.", over=2)

    assert registry.champion(model) == first
    assert (back.previous, back.reason) == (second, "It can't be read.")
    with pytest.raises(BundleCorrupt):
        registry.roll_back(second, by=None, reason="Back to it.")
    assert registry.champion(model) == first


def test_only_who_was_champion_is_rolled_back_to(model: RegisteredModel, make_version: MakeVersion) -> None:
    assert registry.rollback_target(model) is None
    make_version(model, champion=True)
    assert registry.rollback_target(model) is None
    with pytest.raises(registry.NeverChampion, match="was never champion"):
        registry.roll_back(make_version(model), by=None, reason="It looks better.")


@pytest.mark.parametrize("nothing", ["  ", "\u200b", "\u00a0\u2060\u202e"])
def test_it_refuses_without_a_reason(model: RegisteredModel, make_version: MakeVersion, nothing: str) -> None:
    version = make_version(model)
    with pytest.raises(registry.ReasonMissing, match="needs a reason"):
        registry.promote(version, by=None, reason=nothing)
    assert registry.champion(model) is None


def test_it_refuses_the_champion_itself(model: RegisteredModel, make_version: MakeVersion) -> None:
    version = make_version(model, champion=True)
    with pytest.raises(registry.AlreadyChampion):
        registry.promote(version, by=None, reason="Again.")
    assert Promotion.objects.count() == 1


def test_it_refuses_when_the_champion_is_not_the_one_compared_with(
    model: RegisteredModel, make_version: MakeVersion
) -> None:
    first, second, third = (make_version(model) for _ in range(3))
    registry.promote(first, by=None, reason="The first.", over=0)
    registry.promote(second, by=None, reason="Better than the first.", over=1)
    with pytest.raises(registry.ChampionChanged, match="has changed since you opened this page"):
        registry.promote(third, by=None, reason="Better than the first.", over=1)
    assert registry.champion(model) == second


def test_it_refuses_a_bundle_that_changed(model: RegisteredModel, make_version: MakeVersion) -> None:
    champion, version = make_version(model, champion=True), make_version(model)
    weights = version.path / "model.safetensors"
    replace_file(weights, weights.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleCorrupt, match=r"model\.safetensors"):
        registry.promote(version, by=None, reason="Never mind the file.")
    assert registry.champion(model) == champion


def test_it_refuses_to_forget(model: RegisteredModel, make_version: MakeVersion) -> None:
    make_version(model, champion=True)
    with pytest.raises(ProgrammingError, match="Cannot update or delete"):
        Promotion.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_leave_one_champion(make_version: MakeVersion) -> None:
    model = RegisteredModel.objects.create(name="raced")
    versions = [make_version(model) for _ in range(4)]
    ready = threading.Barrier(len(versions))

    def promote(version: ModelVersion) -> None:
        try:
            ready.wait()
            registry.promote(version, by=None, reason="Mine is best.")
        finally:
            connection.close()

    threads = [threading.Thread(target=promote, args=[version]) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ModelVersion.objects.filter(state="champion").count() == 1
    assert ModelVersion.objects.filter(state="retired").count() == 3
    # The history is one chain: each promotion retired what the one before it had made champion.
    history = list(Promotion.objects.order_by("pk"))
    assert [one.previous_id for one in history] == [None, *(one.version_id for one in history[:-1])]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_thousand_races_leave_one_champion_at_each_moment(
    make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty people promote over the champion that they looked at, which others changed meanwhile."""
    model = RegisteredModel.objects.create(name="raced")
    versions = [make_version(model) for _ in range(6)]
    registry.promote(versions[0], by=None, reason="The first.", over=0)
    # The files are the same throughout, and reading them 1,000 times takes minutes.
    monkeypatch.setattr(bundle, "verify", lambda *_: "")
    ready, over = threading.Barrier(PEOPLE), threading.Event()
    won, lost, seen = list[int](), list[type[Exception]](), set[int]()

    def race(number: int) -> None:
        dice = random.Random(number)
        try:
            ready.wait()
            for _ in range(RACES // PEOPLE):
                looked_at = registry.champion(model)
                assert looked_at is not None
                other = dice.choice([one for one in versions if one.pk != looked_at.pk])
                try:
                    won.append(registry.promote(other, by=None, reason=f"{number}", over=looked_at.number).pk)
                except (registry.ChampionChanged, registry.AlreadyChampion) as error:
                    lost.append(type(error))
        finally:
            connection.close()

    def watch() -> None:
        while not over.wait(0.005):
            seen.add(ModelVersion.objects.filter(model=model, state="champion").count())
        connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(PEOPLE) as pool:
            list(pool.map(race, range(PEOPLE)))
    finally:
        over.set()
        watcher.join()

    assert seen == {1}
    assert len(won) + len(lost) == RACES and won and registry.ChampionChanged in lost
    history = list(Promotion.objects.order_by("pk"))
    assert {one.pk for one in history[1:]} == set(won), "Each winner is on the record, and nobody else."
    assert [one.previous_id for one in history] == [None, *(one.version_id for one in history[:-1])]
    champion = registry.champion(model)
    assert champion is not None and champion.pk == history[-1].version_id
    print(f"\n{RACES:,} races of {PEOPLE} threads: {len(won)} won, {len(lost)} lost")
