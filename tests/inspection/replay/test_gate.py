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
from mltasks.registry.gate import GateLine
from mltasks.training import verification
from mltasks.training.verification import Finding
from tests.inspection.replay.conftest import (
    FAIL,
    PASS,
    UNSURE,
    MakePart,
    make_finished_replay,
    make_person,
    make_version,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def skip_file_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions here are rows alone; `tests/mltasks/registry/test_promoting.py` has real files."""
    monkeypatch.setattr("mltasks.registry.registry.bundle.verify", lambda *_: None)
    monkeypatch.setattr("mltasks.registry.registry.version_store.ensure_local", lambda _: None)


NOTHING = {"gate_replay": False, "gate_champion_recall": False, "gate_cost": False}


def set_gate_policy(product: Product, **policy: Any) -> None:
    """Ask for these lines alone."""
    Product.objects.filter(pk=product.pk).update(**{**NOTHING, **policy})


def gate_line(name: str, version: ModelVersion, by: Any = None) -> GateLine:
    lines = gate_checks.evaluate_gate(version, registry.champion(version.model), by)
    return next(one for one in lines if one.name == name)


def test_a_new_product_asks_for_a_replay_a_recall_and_a_cost(candidate: ModelVersion) -> None:
    lines = gate_checks.evaluate_gate(candidate, registry.champion(candidate.model), None)
    assert [one.name for one in lines] == [
        *("labels", "replay", "recall", "champion_recall", "cost", "escapes", "reproducible", "second_person")
    ]
    assert [one.name for one in lines if one.required] == ["replay", "champion_recall", "cost"]
    assert gate.state(lines) == "closed"
    with pytest.raises(gate.GateClosed, match=r"nothing to replay.*manage\.py replay phone-case 2"):
        registry.promote(candidate, by=None, reason="It is new.")


def test_nothing_of_a_comparison_is_asked_of_the_first_version(product: Product) -> None:
    first = make_version(product)
    lines = gate_checks.evaluate_gate(first, None, None)
    assert not any(one.required for one in lines) and gate.state(lines) == "nothing_asked"
    promotion = registry.promote(first, by=None, reason="The first.")
    assert [one["name"] for one in promotion.gate] == [one.name for one in lines]


def test_where_nothing_is_asked_the_gate_is_not_called_open(product: Product, candidate: ModelVersion) -> None:
    set_gate_policy(product)
    lines = gate_checks.evaluate_gate(candidate, registry.champion(candidate.model), None)
    assert gate.state(lines) == "nothing_asked"
    assert registry.promote(candidate, by=None, reason="Nobody asks.").override == ""


def test_what_does_not_hold_comes_first(product: Product, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_labels=20, gate_cost=True, gate_replay=True)
    lines = gate.worst_first(gate_checks.evaluate_gate(candidate, registry.champion(candidate.model), None))
    assert [one.name for one in lines][:3] == ["replay", "cost", "labels"]
    assert gate.state(lines) == "closed"


def test_a_replay_under_way_is_waited_for(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    make_decided_part(PASS, PASS)
    assert "manage.py replay phone-case 2" in gate_line("replay", candidate).text
    replay.start(candidate, enqueue=False)
    assert "in progress (0 % done). Wait" in gate_line("replay", candidate).text


def test_a_model_without_a_product_has_no_gate(candidate: ModelVersion) -> None:
    alone = RegisteredModel.objects.create(name="alone")
    ModelVersion.objects.filter(pk=candidate.pk).update(model=alone)
    candidate.refresh_from_db()
    assert gate_checks.evaluate_gate(candidate, None, None) == []


def test_labels(product: Product, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_labels=21)
    assert gate_line("labels", candidate).fails and "20 labels" in gate_line("labels", candidate).text
    set_gate_policy(product, gate_labels=20)
    assert gate_line("labels", candidate).passed


def test_a_replay_counts_over_the_present_champion_alone(
    product: Product, make_decided_part: MakePart, champion: ModelVersion, candidate: ModelVersion
) -> None:
    set_gate_policy(product, gate_replay=True)
    assert gate_line("replay", candidate).fails and "then replay it: manage.py" in gate_line("replay", candidate).text
    make_finished_replay(candidate, make_decided_part(PASS, PASS))
    assert gate_line("replay", candidate).passed
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    assert gate_line("replay", candidate).text.startswith("There is no champion")


def test_cost_and_new_escapes(product: Product, make_decided_part: MakePart, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_cost=True, gate_escapes=0)
    assert gate_line("cost", candidate).passed is None and gate_line("cost", candidate).fails
    make_finished_replay(
        candidate,
        make_decided_part(UNSURE, PASS, "FAIL"),
        *(make_decided_part(UNSURE, PASS, "PASS") for _ in range(60)),
    )
    assert gate_line("cost", candidate).passed, "Sixty reviews are dearer than one escape."
    assert gate_line("escapes", candidate).fails and "passes 1 defective" in gate_line("escapes", candidate).text
    set_gate_policy(product, gate_escapes=1)
    assert gate_line("escapes", candidate).passed
    make_finished_replay(candidate, *(make_decided_part(FAIL, PASS, "FAIL") for _ in range(50)))
    assert gate_line("cost", candidate).passed is False, "The newest replay counts."
    assert "with version 1 0: +5000" in gate_line("cost", candidate).text


def test_without_evidence_there_is_nothing_to_tell_the_cost_by(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    set_gate_policy(product, gate_cost=True)
    make_finished_replay(candidate, make_decided_part(PASS, FAIL))
    assert gate_line("cost", candidate).fails and "Label parts" in gate_line("cost", candidate).text


@pytest.mark.parametrize("name", ["champion_recall", "cost"])
def test_fewer_than_fifty_judged_parts_are_too_few(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion, name: str
) -> None:
    set_gate_policy(product, **{f"gate_{name}": True})
    # Two images of one part are one part.
    few = [make_decided_part(PASS, FAIL, "FAIL", part_id=f"P-{number // 2}") for number in range(98)]
    make_finished_replay(candidate, *few)
    found = gate_line(name, candidate)
    assert found.passed is None and found.fails
    assert "49 labeled parts are too few for a comparison: at least 50 are needed." in found.text
    assert "manage.py replay phone-case 2" in found.text
    make_finished_replay(candidate, *few, make_decided_part(PASS, PASS, "PASS"))
    assert gate_line(name, candidate).passed


def test_a_recall_below_the_champion_s(product: Product, make_decided_part: MakePart, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_champion_recall=True)
    good = [make_decided_part(PASS, PASS, "PASS") for _ in range(50)]
    make_finished_replay(candidate, *good)
    assert "None of the 50 labeled parts is defective" in gate_line("champion_recall", candidate).text
    caught, escaped = make_decided_part(PASS, FAIL, "FAIL"), [make_decided_part(FAIL, PASS, "FAIL") for _ in range(3)]
    make_finished_replay(candidate, *good, caught, *escaped)
    found = gate_line("champion_recall", candidate)
    assert found.passed is False and found.text.startswith("2 more defective parts pass.")
    make_finished_replay(candidate, *good, caught, escaped[0])
    assert gate_line("champion_recall", candidate).passed


def test_reports_that_show_it_clearly_worse_close_the_gate_and_none_opens_it(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    set_report_figures(champion, cost=(0, 0, 20), recall=(0.95, 0.9, 0.99))
    set_report_figures(candidate, cost=(171, 120, 230), recall=(0.93, 0.85, 0.98))
    cost, recall = gate_line("cost", candidate), gate_line("champion_recall", candidate)
    assert cost.passed is False and "cost 171 (120 to 230), with version 1 0: 171 more" in cost.text
    assert recall.passed is None, "Within what chance explains."
    blind = make_version(product)
    set_report_figures(blind, cost=(0, 0, 0), recall=(0.6, 0.5, 0.7))
    cost, recall = gate_line("cost", blind), gate_line("champion_recall", blind)
    assert cost.passed is None, "Each was measured on parts of its own."
    assert recall.passed is False and "its recall is 60 %, that of version 1 95 %: 35.0 points less" in recall.text


def set_report_figures(version: ModelVersion, **figures: tuple[float, float, float]) -> None:
    """A report that has these figures with their intervals."""
    names = {"cost": "cost_per_1000"}
    metrics = {
        names.get(name, name): {"value": value, "low": low, "high": high, "n": 80, "parts": 80}
        for name, (value, low, high) in figures.items()
    }
    EvaluationReport.objects.create(version=version, protocol="", evaluation={"metrics": metrics})


def test_recall_by_its_lower_end(product: Product, make_decided_part: MakePart, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_recall=0.95)
    assert gate_line("recall", candidate).passed is None
    caught = [make_decided_part(PASS, FAIL, "FAIL", holdout=True) for _ in range(50)]
    make_finished_replay(candidate, *caught[:49])
    assert "49 defective parts are locked: too few" in gate_line("recall", candidate).text
    make_finished_replay(candidate, *caught)
    found = gate_line("recall", candidate)
    assert found.fails and "100 % of 50 defective parts" in found.text, "All of fifty is not 95 in a hundred."
    set_gate_policy(product, gate_recall=0.9)
    assert gate_line("recall", candidate).passed
    audited = make_decided_part(PASS, FAIL, "PASS", holdout=True, inclusion_probability=0.01)
    make_finished_replay(candidate, *caught, audited)
    assert gate_line("recall", candidate).fails, "One in a hundred was looked at: an escape may have been missed."


def test_reproducible(product: Product, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_reproducible=True)
    verification.record(candidate, [Finding("files", True, "whole")], by=None)
    assert gate_line("reproducible", candidate).fails, "Hashes alone are no second training."
    other_code = [Finding("weights", True, "need not be equal"), Finding("other_code", True, "not required")]
    verification.record(candidate, other_code, by=None)
    assert "by the code that made the version" in gate_line("reproducible", candidate).text, "Other code is no proof."
    verification.record(candidate, [Finding("weights", False, "they differ")], by=None)
    assert "they differ" in gate_line("reproducible", candidate).text
    verification.record(candidate, [Finding("weights", True, "the same")], by=None)
    assert gate_line("reproducible", candidate).passed
    verification.record(candidate, other_code, by=None)
    assert gate_line("reproducible", candidate).text == "the same", "It does not take the proof away either."
    verification.record(candidate, [Finding("files", False, "model.safetensors changed")], by=None)
    assert gate_line("reproducible", candidate).fails, "Whole it was then, and is no longer."
    nobody_knows = make_version(product)
    TrainingRun.objects.filter(pk=nobody_knows.run_id).update(snapshot=None)
    nobody_knows.run.refresh_from_db()
    found = gate_line("reproducible", nobody_knows)
    assert found.fails and "cannot be retrained" in found.text, "Nobody is asked to verify what can't be."


def test_a_second_person_is_another_one(product: Product, champion: ModelVersion, candidate: ModelVersion) -> None:
    set_gate_policy(product, gate_second_person=True)
    mia, ada = make_person("mia", "promote_modelversion"), make_person("ada", "promote_modelversion")
    registry.approve(candidate, by=mia, reason="I looked at the flips.")
    with pytest.raises(gate.GateClosed, match="No other person has approved this promotion"):
        registry.promote(candidate, by=mia, reason="And I promote it myself.")
    promotion = registry.promote(candidate, by=ada, reason="Two of us.")
    (said,) = [one for one in promotion.gate if one["name"] == "second_person"]
    assert said["holds"] and "mia approved it" in said["words"]
    assert not gate_line("second_person", champion, ada).passed, "An approval is over one champion."
    with pytest.raises(registry.AlreadyChampion):
        registry.approve(candidate, by=ada, reason="Again.")


def test_a_closed_gate_is_passed_with_a_reason_by_who_may(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    set_gate_policy(product, gate_replay=True)
    mia, boss = make_person("mia", "promote_modelversion"), make_person("boss", "promote_modelversion", "override_gate")
    with pytest.raises(gate.GateClosed, match="Replay"):
        registry.promote(candidate, by=mia, reason="Now.")
    with pytest.raises(PermissionDenied):
        registry.promote(candidate, by=mia, reason="Now.", override="I say so.")
    assert registry.champion(candidate.model) == champion
    promotion = registry.promote(candidate, by=boss, reason="The line stands.", override="No time for a replay.")
    assert (promotion.override, registry.champion(candidate.model)) == ("No time for a replay.", candidate)
    back = registry.roll_back(champion, by=mia, reason="Worse after all.")
    assert (back.kind, back.override) == ("rollback", ""), "Nothing holds a rollback up."


def test_an_override_that_was_not_needed_is_not_on_the_record(product: Product, candidate: ModelVersion) -> None:
    set_gate_policy(product)
    boss = make_person("boss", "promote_modelversion", "override_gate")
    assert registry.promote(candidate, by=boss, reason="Better.", override="To be sure.").override == ""


def test_the_record_has_it_all_and_never_changes(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    ada = make_person("ada", "promote_modelversion", "override_gate")
    set_gate_policy(product, gate_replay=True, fn_cost=9)
    registry.approve(candidate, by=ada, reason="Seen.")
    registry.promote(candidate, by=ada, reason="Better.", override="No time.")
    registry.roll_back(champion, by=ada, reason="Worse after all.")
    verification.record(candidate, [Finding("files", False, "model.safetensors changed")], by=None)
    with connection.cursor() as cursor:
        for table in ("mltasks_promotion", "mltasks_approval", "mltasks_verification", "inspection_policychange"):
            for change in (f"UPDATE {table} SET created_at = now()", f"DELETE FROM {table}"):  # noqa: S608
                with pytest.raises(Error, match="Cannot update or delete"), transaction.atomic():
                    cursor.execute(change)
    words = [entry.text for entry in audit_log.load_events(product)]
    assert sorted(words) == sorted(
        [
            "Product created with these values",
            "Costs and policy changed",
            "Version 1 became champion",
            "Version 2 approved to replace version 1",
            "Version 2 became champion; it replaced version 1",
            "Rolled back to version 1; it replaced version 2",
            "Version 2 verified (hashes only): failed",
        ]
    )
    older = audit_log.load_events(product, before=Promotion.objects.earliest("created_at").created_at)
    assert [entry.text for entry in older] == ["Product created with these values"]
