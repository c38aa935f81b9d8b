"""What becomes of a new version without a person."""

from __future__ import annotations

from typing import Any

import pytest

from inspection.models import Product, Replay
from inspection.promotion import auto_promotion
from inspection.replay import replay
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import registry
from mltasks.runs.execution import execute
from tests.inspection.replay.conftest import FAIL, PASS, Part, make_version, replayed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def whole_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mltasks.registry.registry.bundle.verify", lambda *_: None)
    monkeypatch.setattr("mltasks.registry.registry.version_store.at_hand", lambda _: None)
    monkeypatch.setattr("mltasks.runs.dispatch.send", lambda *_: True)


def ask(product: Product, **policy: Any) -> None:
    Product.objects.filter(pk=product.pk).update(**policy)


def at_night(version: ModelVersion) -> None:
    TrainingRun.objects.filter(pk=version.run_id).update(trigger="nightly")


def test_each_candidate_is_replayed_over_the_line_s_history_whatever_is_asked(
    product: Product, part: Part, candidate: ModelVersion
) -> None:
    ask(product, gate_replay=False, gate_champion_recall=False, gate_cost=False)
    seen, locked = part(PASS, PASS), part(PASS, PASS, "FAIL", holdout=True)
    (started,), promoted = auto_promotion.sweep()
    assert promoted == []
    assert (started.candidate, started.scope) == (candidate, "history")
    assert set(started.parts) == {seen.pk, locked.pk}, "The locked holdout is part of it, and not all."
    assert auto_promotion.sweep() == ([], [])


def test_without_a_part_there_is_nothing_to_replay(candidate: ModelVersion) -> None:
    assert auto_promotion.sweep() == ([], [])


def test_another_champion_asks_for_another_replay(
    product: Product, part: Part, champion: ModelVersion, candidate: ModelVersion
) -> None:
    replayed(candidate, part(PASS, PASS))
    assert auto_promotion.sweep() == ([], [])
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    other = make_version(product, "champion")
    ModelVersion.objects.filter(pk=other.pk).update(number=9)
    ModelVersion.objects.filter(pk=candidate.pk).update(number=10)
    (started,), _ = auto_promotion.sweep()
    assert (started.scope, started.champion) == ("history", other)


def test_the_locked_holdout_measures_the_first_version(
    part: Part, champion: ModelVersion, candidate: ModelVersion
) -> None:
    part(PASS, PASS)
    locked = part(PASS, PASS, "FAIL", holdout=True)
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    (started,), _ = auto_promotion.sweep()
    assert (started.scope, started.parts) == ("holdout", [locked.pk])
    done = execute(replay.ReplayExecutor(), started)
    assert done.figures["holdout"]["candidate"]["recall"]["counted"]["value"] == 0.0
    assert replay.latest(candidate, None) is None, "That is no replay of history."


def test_a_night_s_version_promotes_itself_through_the_gate(
    product: Product, part: Part, champion: ModelVersion, candidate: ModelVersion
) -> None:
    ask(product, promote_nightly=True, gate_escapes=0)
    at_night(candidate)
    better = part(PASS, FAIL, "FAIL")
    others = [part(PASS, PASS, "PASS") for _ in range(49)]
    (started,), promoted = auto_promotion.sweep()
    assert promoted == [], "Not before its replay."
    Replay.objects.filter(pk=started.pk).update(state="failed")
    replayed(candidate, better, *others, part(FAIL, PASS, "FAIL"))
    assert auto_promotion.sweep() == ([], []), "It passes a defective part that the champion stopped."
    assert registry.champion(candidate.model) == champion
    replayed(candidate, better, *others)
    _, (promotion,) = auto_promotion.sweep()
    assert (promotion.version, promotion.kind, promotion.by) == (candidate, "nightly", None)
    assert auto_promotion.sweep() == ([], [])


def test_a_person_s_version_waits_for_a_person(product: Product, part: Part, candidate: ModelVersion) -> None:
    ask(product, promote_nightly=True)
    replayed(candidate, part(PASS, PASS))
    assert auto_promotion.sweep() == ([], [])
