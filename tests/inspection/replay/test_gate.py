"""The gate: each line of a promotion policy told from the rows, and one answer for every door."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import Error, connection, transaction

from inspection.models import Product
from inspection.promotion import audit_log, gate_checks
from inspection.replay import replay
from mltasks.models import EvaluationReport, ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.registry import gate, registry
from mltasks.registry.gate import Line
from mltasks.training import verification
from mltasks.training.verification import Finding
from tests.inspection.replay.conftest import DOUBT, FAIL, PASS, Part, make_person, make_version, replayed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def whole_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions here are rows alone; `tests/mltasks/registry/test_promoting.py` has real files."""
    monkeypatch.setattr("mltasks.registry.registry.bundle.verify", lambda *_: None)
    monkeypatch.setattr("mltasks.registry.registry.version_store.at_hand", lambda _: None)


NOTHING = {"gate_replay": False, "gate_champion_recall": False, "gate_cost": False}


def ask(product: Product, **policy: Any) -> None:
    """Ask for these lines alone."""
    Product.objects.filter(pk=product.pk).update(**{**NOTHING, **policy})


def line(name: str, version: ModelVersion, by: Any = None) -> Line:
    lines = gate_checks.lines(version, registry.champion(version.model), by)
    return next(one for one in lines if one.name == name)


def test_a_new_product_asks_for_a_replay_a_recall_and_a_cost(candidate: ModelVersion) -> None:
    lines = gate_checks.lines(candidate, registry.champion(candidate.model), None)
    assert [one.name for one in lines] == [
        *("labels", "replay", "recall", "champion_recall", "cost", "escapes", "reproducible", "second_person")
    ]
    assert [one.name for one in lines if one.asked] == ["replay", "champion_recall", "cost"]
    assert gate.state(lines) == "closed"
    with pytest.raises(registry.GateClosed, match=r"nothing to replay yet.*manage\.py replay phone-case 2"):
        registry.promote(candidate, by=None, reason="It is new.")


def test_nothing_of_a_comparison_is_asked_of_the_first_version(product: Product) -> None:
    first = make_version(product)
    lines = gate_checks.lines(first, None, None)
    assert not any(one.asked for one in lines) and gate.state(lines) == "nothing_asked"
    promotion = registry.promote(first, by=None, reason="The first.")
    assert [one["name"] for one in promotion.gate] == [one.name for one in lines]


def test_where_nothing_is_asked_the_gate_is_not_called_open(product: Product, candidate: ModelVersion) -> None:
    ask(product)
    lines = gate_checks.lines(candidate, registry.champion(candidate.model), None)
    assert gate.state(lines) == "nothing_asked"
    assert registry.promote(candidate, by=None, reason="Nobody asks.").override == ""


def test_what_does_not_hold_comes_first(product: Product, candidate: ModelVersion) -> None:
    ask(product, gate_labels=20, gate_cost=True, gate_replay=True)
    lines = gate.worst_first(gate_checks.lines(candidate, registry.champion(candidate.model), None))
    assert [one.name for one in lines][:3] == ["replay", "cost", "labels"]
    assert gate.state(lines) == "closed"


def test_a_replay_under_way_is_waited_for(product: Product, part: Part, candidate: ModelVersion) -> None:
    part(PASS, PASS)
    assert "manage.py replay phone-case 2" in line("replay", candidate).words
    replay.start(candidate, hint=False)
    assert "under way, 0% done: wait" in line("replay", candidate).words


def test_a_model_without_a_product_has_no_gate(candidate: ModelVersion) -> None:
    alone = RegisteredModel.objects.create(name="alone")
    ModelVersion.objects.filter(pk=candidate.pk).update(model=alone)
    candidate.refresh_from_db()
    assert gate_checks.lines(candidate, None, None) == []


def test_labels(product: Product, candidate: ModelVersion) -> None:
    ask(product, gate_labels=21)
    assert line("labels", candidate).fails and "20 labels" in line("labels", candidate).words
    ask(product, gate_labels=20)
    assert line("labels", candidate).holds


def test_a_replay_counts_over_the_present_champion_alone(
    product: Product, part: Part, champion: ModelVersion, candidate: ModelVersion
) -> None:
    ask(product, gate_replay=True)
    assert line("replay", candidate).fails and "replay it first" in line("replay", candidate).words
    replayed(candidate, part(PASS, PASS))
    assert line("replay", candidate).holds
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    assert line("replay", candidate).words.startswith("There is no champion")


def test_cost_and_new_escapes(product: Product, part: Part, candidate: ModelVersion) -> None:
    ask(product, gate_cost=True, gate_escapes=0)
    assert line("cost", candidate).holds is None and line("cost", candidate).fails
    replayed(candidate, part(DOUBT, PASS, "FAIL"), *(part(DOUBT, PASS, "PASS") for _ in range(60)))
    assert line("cost", candidate).holds, "Sixty reviews are dearer than one escape."
    assert line("escapes", candidate).fails and "passes 1 defective" in line("escapes", candidate).words
    ask(product, gate_escapes=1)
    assert line("escapes", candidate).holds
    replayed(candidate, *(part(FAIL, PASS, "FAIL") for _ in range(50)))
    assert line("cost", candidate).holds is False, "The newest replay counts."
    assert "by version 1 0: +5000" in line("cost", candidate).words


def test_without_evidence_there_is_nothing_to_tell_the_cost_by(
    product: Product, part: Part, candidate: ModelVersion
) -> None:
    ask(product, gate_cost=True)
    replayed(candidate, part(PASS, FAIL))
    assert line("cost", candidate).fails and "Label parts" in line("cost", candidate).words


@pytest.mark.parametrize("name", ["champion_recall", "cost"])
def test_fewer_than_fifty_judged_parts_are_too_few(
    product: Product, part: Part, candidate: ModelVersion, name: str
) -> None:
    ask(product, **{f"gate_{name}": True})
    # Two images of one part are one part.
    few = [part(PASS, FAIL, "FAIL", part_id=f"P-{number // 2}") for number in range(98)]
    replayed(candidate, *few)
    found = line(name, candidate)
    assert found.holds is None and found.fails
    assert "49 judged parts are too few to say: at least 50 are needed." in found.words
    assert "manage.py replay phone-case 2" in found.words
    replayed(candidate, *few, part(PASS, PASS, "PASS"))
    assert line(name, candidate).holds


def test_a_recall_below_the_champion_s(product: Product, part: Part, candidate: ModelVersion) -> None:
    ask(product, gate_champion_recall=True)
    good = [part(PASS, PASS, "PASS") for _ in range(50)]
    replayed(candidate, *good)
    assert "None of the 50 judged parts is defective" in line("champion_recall", candidate).words
    caught, escaped = part(PASS, FAIL, "FAIL"), [part(FAIL, PASS, "FAIL") for _ in range(3)]
    replayed(candidate, *good, caught, *escaped)
    found = line("champion_recall", candidate)
    assert found.holds is False and found.words.startswith("2 more defective parts pass.")
    replayed(candidate, *good, caught, escaped[0])
    assert line("champion_recall", candidate).holds


def test_reports_that_show_it_clearly_worse_close_the_gate_and_none_opens_it(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    report(champion, cost=(0, 0, 20), recall=(0.95, 0.9, 0.99))
    report(candidate, cost=(171, 120, 230), recall=(0.93, 0.85, 0.98))
    cost, recall = line("cost", candidate), line("champion_recall", candidate)
    assert cost.holds is False and "cost 171 (120 to 230), by version 1 0: 171 more" in cost.words
    assert recall.holds is None, "Within what chance explains."
    blind = make_version(product)
    report(blind, cost=(0, 0, 0), recall=(0.6, 0.5, 0.7))
    cost, recall = line("cost", blind), line("champion_recall", blind)
    assert cost.holds is None, "Each was measured on parts of its own."
    assert recall.holds is False and "its recall is 60 %, that of version 1 95 %: 35.0 points less" in recall.words


def report(version: ModelVersion, **figures: tuple[float, float, float]) -> None:
    """A report that has these figures with their intervals."""
    names = {"cost": "cost_per_1000"}
    metrics = {
        names.get(name, name): {"value": value, "low": low, "high": high, "n": 80, "parts": 80}
        for name, (value, low, high) in figures.items()
    }
    EvaluationReport.objects.create(version=version, protocol="", evaluation={"metrics": metrics})


def test_recall_by_its_lower_end(product: Product, part: Part, candidate: ModelVersion) -> None:
    ask(product, gate_recall=0.95)
    assert line("recall", candidate).holds is None
    caught = [part(PASS, FAIL, "FAIL", holdout=True) for _ in range(50)]
    replayed(candidate, *caught[:49])
    assert "49 defective parts are locked, too few to say" in line("recall", candidate).words
    replayed(candidate, *caught)
    found = line("recall", candidate)
    assert found.fails and "100.0 % of 50 defective parts" in found.words, "All of fifty is not 95 in a hundred."
    ask(product, gate_recall=0.9)
    assert line("recall", candidate).holds
    audited = part(PASS, FAIL, "PASS", holdout=True, inclusion=0.01)
    replayed(candidate, *caught, audited)
    assert line("recall", candidate).fails, "One in a hundred was looked at: an escape may have been missed."


def test_reproducible(product: Product, candidate: ModelVersion) -> None:
    ask(product, gate_reproducible=True)
    verification.record(candidate, [Finding("files", True, "whole")], by=None)
    assert line("reproducible", candidate).fails, "Hashes alone are no second training."
    verification.record(candidate, [Finding("weights", False, "they differ")], by=None)
    assert "they differ" in line("reproducible", candidate).words
    verification.record(candidate, [Finding("weights", True, "the same")], by=None)
    assert line("reproducible", candidate).holds
    verification.record(candidate, [Finding("files", False, "model.safetensors changed")], by=None)
    assert line("reproducible", candidate).fails, "Whole it was then, and is no longer."
    nobody_knows = make_version(product)
    TrainingRun.objects.filter(pk=nobody_knows.run_id).update(snapshot=None)
    nobody_knows.run.refresh_from_db()
    found = line("reproducible", nobody_knows)
    assert found.fails and "can't be learned again" in found.words, "Nobody is asked to verify what can't be."


def test_a_second_person_is_another_one(product: Product, champion: ModelVersion, candidate: ModelVersion) -> None:
    ask(product, gate_second_person=True)
    mia, ada = make_person("mia", "promote_modelversion"), make_person("ada", "promote_modelversion")
    registry.approve(candidate, by=mia, reason="I looked at the flips.")
    with pytest.raises(registry.GateClosed, match="Nobody else"):
        registry.promote(candidate, by=mia, reason="And I promote it myself.")
    promotion = registry.promote(candidate, by=ada, reason="Two of us.")
    (said,) = [one for one in promotion.gate if one["name"] == "second_person"]
    assert said["holds"] and "mia approved it" in said["words"]
    assert not line("second_person", champion, ada).holds, "An approval is over one champion."
    with pytest.raises(registry.AlreadyChampion):
        registry.approve(candidate, by=ada, reason="Again.")


def test_a_closed_gate_is_passed_with_a_reason_by_who_may(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    ask(product, gate_replay=True)
    mia, boss = make_person("mia", "promote_modelversion"), make_person("boss", "promote_modelversion", "override_gate")
    with pytest.raises(registry.GateClosed, match="Replay"):
        registry.promote(candidate, by=mia, reason="Now.")
    with pytest.raises(PermissionDenied):
        registry.promote(candidate, by=mia, reason="Now.", override="I say so.")
    assert registry.champion(candidate.model) == champion
    promotion = registry.promote(candidate, by=boss, reason="The line stands.", override="No time for a replay.")
    assert (promotion.override, registry.champion(candidate.model)) == ("No time for a replay.", candidate)
    back = registry.roll_back(champion, by=mia, reason="Worse after all.")
    assert (back.kind, back.override) == ("rollback", ""), "Nothing holds a rollback up."


def test_an_override_that_was_not_needed_is_not_on_the_record(product: Product, candidate: ModelVersion) -> None:
    ask(product)
    boss = make_person("boss", "promote_modelversion", "override_gate")
    assert registry.promote(candidate, by=boss, reason="Better.", override="To be sure.").override == ""


def test_the_record_has_it_all_and_never_changes(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    ada = make_person("ada", "promote_modelversion", "override_gate")
    ask(product, gate_replay=True, fn_cost=9)
    registry.approve(candidate, by=ada, reason="Seen.")
    registry.promote(candidate, by=ada, reason="Better.", override="No time.")
    registry.roll_back(champion, by=ada, reason="Worse after all.")
    verification.record(candidate, [Finding("files", False, "model.safetensors changed")], by=None)
    with connection.cursor() as cursor:
        for table in ("mltasks_promotion", "mltasks_approval", "mltasks_verification", "inspection_policychange"):
            for change in (f"UPDATE {table} SET created_at = now()", f"DELETE FROM {table}"):  # noqa: S608
                with pytest.raises(Error, match="Cannot update or delete"), transaction.atomic():
                    cursor.execute(change)
    words = [entry.words for entry in audit_log.entries(product)]
    assert sorted(words) == sorted(
        [
            "The product began, with these values",
            "Costs and policy changed",
            "Version 1 became champion",
            "Version 2 approved over version 1",
            "Version 2 became champion, in the place of version 1",
            "Rolled back to version 1, in the place of version 2",
            "Version 2 verified, looked at by its hashes: WRONG",
        ]
    )
    older = audit_log.entries(product, before=Promotion.objects.earliest("created_at").created_at)
    assert [entry.words for entry in older] == ["The product began, with these values"]
