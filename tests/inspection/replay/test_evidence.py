"""Tests of replay metrics: changed verdicts, labeled parts that count as evidence, and their cost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inspection.models import Inspection, Product
from inspection.replay.replay_report import ReplayReport
from mltasks.models import ModelVersion
from tests.inspection.replay.conftest import FAIL, PASS, UNSURE, MakePart, add_to_snapshot, make_finished_replay

pytestmark = pytest.mark.django_db


def test_it_counts_which_verdicts_would_turn(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    found = make_finished_replay(
        candidate,
        make_decided_part(PASS, PASS),
        make_decided_part(PASS, FAIL),
        make_decided_part(UNSURE, PASS),
        make_decided_part(FAIL, FAIL),
    )
    matrix = found.figures["matrix"]
    assert (matrix["PASS"]["PASS"], matrix["PASS"]["FAIL"], matrix["REVIEW"]["PASS"], matrix["FAIL"]["FAIL"]) == (
        1,
    ) * 4
    assert ReplayReport(found).changed_count == 2


def test_the_sheet_begins_with_the_worst(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    unseen_pass, alarm, harmless = (
        make_decided_part(FAIL, PASS),
        make_decided_part(PASS, FAIL, "PASS"),
        make_decided_part(UNSURE, PASS, "PASS"),
    )
    small_escape, escape = make_decided_part(UNSURE, PASS, "FAIL"), make_decided_part(FAIL, PASS, "FAIL")
    found = make_finished_replay(candidate, harmless, unseen_pass, alarm, small_escape, escape)
    assert [one.part for one in ReplayReport(found).changed] == [escape, small_escape, unseen_pass, alarm, harmless]


def test_escapes_and_alarms_gained_and_lost(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    gained = make_finished_replay(
        candidate,
        make_decided_part(FAIL, PASS, "FAIL"),
        make_decided_part(PASS, FAIL, "FAIL"),
        make_decided_part(PASS, UNSURE, "FAIL"),
        make_decided_part(PASS, FAIL, "PASS"),
        make_decided_part(PASS, PASS, "FAIL"),
    ).figures["gained"]
    assert gained == {"new_escapes": 1, "caught_escapes": 2, "new_alarms": 1, "spared_alarms": 0}


def test_two_pictures_of_one_part_are_one_escape(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    twice = [make_decided_part(FAIL, PASS, "FAIL", part_id="P-1") for _ in range(2)]
    assert make_finished_replay(candidate, *twice).figures["gained"]["new_escapes"] == 1


def test_what_a_version_learned_from_is_no_evidence(
    make_decided_part: MakePart, champion: ModelVersion, candidate: ModelVersion
) -> None:
    by_candidate, by_champion, same_part, new = (
        make_decided_part(FAIL, PASS, "FAIL", part_id=f"P-{n}") for n in range(4)
    )
    add_to_snapshot(candidate, by_candidate)
    add_to_snapshot(champion, by_champion)
    other_picture = make_decided_part(FAIL, FAIL, "FAIL")
    add_to_snapshot(candidate, other_picture, group="part P-2")
    found = make_finished_replay(candidate, by_candidate, by_champion, same_part, new).figures
    assert (found["labeled"], found["learned"], found["evidence"]) == (4, 3, 1)
    assert found["gained"]["new_escapes"] == 1


def test_what_was_locked_in_the_snapshot_is_evidence_and_stands_for_its_like(
    make_decided_part: MakePart, candidate: ModelVersion, product: Product
) -> None:
    locked, since = make_decided_part(PASS, PASS, "FAIL", holdout=True), make_decided_part(PASS, FAIL, "FAIL")
    add_to_snapshot(candidate, locked, split="holdout")
    recall = make_finished_replay(candidate, locked, since).figures
    assert recall["evidence"] == 2
    # The locked part stands for five labeled ones, the part labeled since for itself: 5 × 5 + 0 of 6.
    assert recall["cost"]["corrected"]["candidate"]["value"] == pytest.approx(1000 * 5 * 5 / 6)
    assert recall["cost"]["counted"]["candidate"]["value"] == pytest.approx(1000 * 5 / 2)


def test_parts_weigh_by_their_chance_to_be_looked_at(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    # One audited escape of a hundred, and nine doubted defects that were caught.
    audited = make_decided_part(PASS, PASS, "FAIL", inclusion_probability=0.01, holdout=True)
    doubted = [make_decided_part(UNSURE, UNSURE, "FAIL", holdout=True) for _ in range(9)]
    escapes = make_finished_replay(candidate, audited, *doubted).figures["holdout"]["candidate"]["escape_rate"]
    assert escapes["corrected"]["value"] == pytest.approx(100 / 109)
    assert escapes["counted"]["value"] == pytest.approx(1 / 10)
    assert escapes["corrected"]["low"] < 0.4, "One draw decides it."


def test_what_did_not_come_by_chance_is_only_counted(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    imported = make_decided_part(PASS, FAIL, "FAIL", inclusion_probability=None, holdout=True)
    found = make_finished_replay(candidate, imported).figures
    assert (found["evidence"], found["weighed"]) == (1, 0)
    assert found["holdout"]["candidate"]["recall"]["corrected"]["value"] is None
    assert found["holdout"]["candidate"]["recall"]["counted"]["value"] == 1.0
    many = [make_decided_part(PASS, FAIL, "FAIL", inclusion_probability=None, holdout=True) for _ in range(49)]
    cost = ReplayReport(make_finished_replay(candidate, imported, *many)).cost
    assert cost is not None and not cost.corrected and cost.candidate["value"] == 0.0


def test_costs_of_both_with_their_difference(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    parts = [make_decided_part(PASS, FAIL, "FAIL") for _ in range(10)] + [
        make_decided_part(PASS, PASS, "PASS") for _ in range(90)
    ]
    cost = make_finished_replay(candidate, *parts).figures["cost"]["corrected"]
    assert (cost["champion"]["value"], cost["candidate"]["value"]) == (pytest.approx(500), 0.0)
    gap = cost["difference"]
    assert gap["value"] == pytest.approx(-500)
    assert gap["low"] < -500 < gap["high"] <= -200


def test_equally_good_versions_are_not_told_apart(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    pair = make_finished_replay(
        candidate, make_decided_part(PASS, FAIL, "FAIL"), make_decided_part(FAIL, PASS, "FAIL")
    ).figures["paired"]
    # Mid-p of one to one: half of the one even split of two coins is not counted.
    assert pair == {"candidate_only": 1, "champion_only": 1, "n": 2, "p": 0.75}


def test_the_review_load_is_that_of_the_line(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    old = timezone.now() - timedelta(days=10)
    for _ in range(98):
        make_decided_part(PASS, None)
    scored = [make_decided_part(PASS, PASS), make_decided_part(PASS, UNSURE, "PASS")]
    Inspection.objects.filter(pk=scored[0].pk).update(received_at=old)
    load = make_finished_replay(candidate, *scored).figures["review_load"]
    assert (load["parts"], load["days"]) == (100, pytest.approx(10, abs=0.1))
    # The one labeled part is asked about, and none of the others: one in ten days, not fifty.
    assert load["candidate"] == pytest.approx(0.1, abs=0.01)
    assert load["champion"] == 0


def test_parts_without_a_score_are_told(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    found = make_finished_replay(candidate, make_decided_part(PASS, PASS), make_decided_part(PASS, None)).figures
    assert (found["parts"], found["missing"]) == (1, 1)


def test_a_first_version_is_measured_without_a_champion(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    one = make_decided_part(PASS, FAIL, "FAIL", holdout=True)
    ModelVersion.objects.filter(state="champion").update(state="retired")
    found = make_finished_replay(candidate, one)
    assert found.champion is None and found.figures["paired"] is None
    assert found.figures["holdout"]["champion"] is None
    assert "There is no champion" in ReplayReport(found).summary


def test_on_the_holdout_all_were_as_likely_to_be_locked(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    frozen, since = (
        make_decided_part(PASS, PASS, "FAIL", holdout=True),
        make_decided_part(PASS, FAIL, "FAIL", holdout=True),
    )
    add_to_snapshot(candidate, frozen, split="holdout")
    recall = make_finished_replay(candidate, frozen, since).figures["holdout"]["candidate"]["recall"]
    assert recall["corrected"]["value"] == 0.5
