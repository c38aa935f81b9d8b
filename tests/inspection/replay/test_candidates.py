"""Tests of automatic promotion: new versions are replayed and promoted without a person."""

from __future__ import annotations

from typing import Any

import pytest

from inspection.models import Product, Replay
from inspection.promotion import auto_promotion
from inspection.replay import replay
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import registry
from mltasks.runs.execution import execute
from tests.inspection.replay.conftest import FAIL, PASS, MakePart, make_finished_replay, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def skip_file_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mltasks.registry.registry.bundle.verify", lambda *_: None)
    monkeypatch.setattr("mltasks.registry.registry.version_store.ensure_local", lambda _: None)
    monkeypatch.setattr("mltasks.runs.dispatch.enqueue", lambda *_: True)


def set_gate_policy(product: Product, **policy: Any) -> None:
    Product.objects.filter(pk=product.pk).update(**policy)


def mark_nightly(version: ModelVersion) -> None:
    TrainingRun.objects.filter(pk=version.run_id).update(trigger="nightly")


def test_each_candidate_is_replayed_over_the_line_s_history_whatever_is_asked(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    set_gate_policy(product, gate_replay=False, gate_champion_recall=False, gate_cost=False)
    seen, locked = make_decided_part(PASS, PASS), make_decided_part(PASS, PASS, "FAIL", holdout=True)
    (started,), promoted = auto_promotion.run()
    assert promoted == []
    assert (started.candidate, started.scope) == (candidate, "history")
    assert set(started.parts) == {seen.pk, locked.pk}, "The locked holdout is part of it, and not all."
    assert auto_promotion.run() == ([], [])


def test_without_a_part_there_is_nothing_to_replay(candidate: ModelVersion) -> None:
    assert auto_promotion.run() == ([], [])


def test_another_champion_asks_for_another_replay(
    product: Product, make_decided_part: MakePart, champion: ModelVersion, candidate: ModelVersion
) -> None:
    make_finished_replay(candidate, make_decided_part(PASS, PASS))
    assert auto_promotion.run() == ([], [])
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    other = make_version(product, "champion")
    ModelVersion.objects.filter(pk=other.pk).update(number=9)
    ModelVersion.objects.filter(pk=candidate.pk).update(number=10)
    (started,), _ = auto_promotion.run()
    assert (started.scope, started.champion) == ("history", other)


def test_the_locked_holdout_measures_the_first_version(
    make_decided_part: MakePart, champion: ModelVersion, candidate: ModelVersion
) -> None:
    make_decided_part(PASS, PASS)
    locked = make_decided_part(PASS, PASS, "FAIL", holdout=True)
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    (started,), _ = auto_promotion.run()
    assert (started.scope, started.parts) == ("holdout", [locked.pk])
    done = execute(replay.ReplayExecutor(), started)
    assert done.figures["holdout"]["candidate"]["recall"]["counted"]["value"] == 0.0
    assert replay.latest_replay(candidate, None) is None, "That is no replay of history."


def test_a_night_s_version_promotes_itself_through_the_gate(
    product: Product, make_decided_part: MakePart, champion: ModelVersion, candidate: ModelVersion
) -> None:
    set_gate_policy(product, promote_nightly=True, gate_escapes=0)
    mark_nightly(candidate)
    better = make_decided_part(PASS, FAIL, "FAIL")
    others = [make_decided_part(PASS, PASS, "PASS") for _ in range(49)]
    (started,), promoted = auto_promotion.run()
    assert promoted == [], "Not before its replay."
    Replay.objects.filter(pk=started.pk).update(state="failed")
    make_finished_replay(candidate, better, *others, make_decided_part(FAIL, PASS, "FAIL"))
    assert auto_promotion.run() == ([], []), "It passes a defective part that the champion stopped."
    assert registry.champion(candidate.model) == champion
    make_finished_replay(candidate, better, *others)
    _, (promotion,) = auto_promotion.run()
    assert (promotion.version, promotion.kind, promotion.by) == (candidate, "nightly", None)
    assert auto_promotion.run() == ([], [])


def test_a_person_s_version_waits_for_a_person(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    set_gate_policy(product, promote_nightly=True)
    make_finished_replay(candidate, make_decided_part(PASS, PASS))
    assert auto_promotion.run() == ([], [])
