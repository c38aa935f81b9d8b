"""A challenger scores live parts after their verdict, and never instead of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from inspection.models import Challenge, Inspection, Product, Rescore
from inspection.promotion import challenger_report, shadow_scoring
from mltasks.models import ModelVersion
from tests.inspection.conftest import Receive
from tests.inspection.replay.conftest import FAIL, PASS, UNSURE, MakePart, make_rescore
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

pytestmark = pytest.mark.django_db


def test_it_scores_what_came_since_once_and_changes_no_verdict(
    product: Product, make_version: MakeVersion, receive: Receive
) -> None:
    make_version(product, champion=True)
    receive(jpeg(seed=1))
    challenger = make_version(product)
    running = shadow_scoring.start_challenge(challenger, by=User.objects.create_user("mia"))
    parts = [receive(jpeg(seed=seed)) for seed in (2, 3)]
    before = list(Inspection.objects.order_by("pk").values())
    assert (shadow_scoring.score_pending_challenges(), shadow_scoring.score_pending_challenges()) == (2, 0)
    rows = Rescore.objects.by_challengers().filter(version=challenger)
    assert set(rows.values_list("inspection", flat=True)) == {part.pk for part in parts}
    assert list(Inspection.objects.order_by("pk").values()) == before
    read = challenger_report.load_report(running)
    assert (read.scored, read.waiting, read.agreement.value) == (2, 0, 1.0)
    assert shadow_scoring.end_challenge(running, by=None) and not shadow_scoring.end_challenge(running, by=None)
    receive(jpeg(seed=4))
    assert shadow_scoring.score_pending_challenges() == 0


def test_two_workers_do_not_score_for_one_challenger(candidate: ModelVersion, make_decided_part: MakePart) -> None:
    running = shadow_scoring.start_challenge(candidate, by=None)
    make_decided_part(PASS, None)
    Challenge.objects.filter(pk=running.pk).update(lease_expires_at=timezone.now() + timedelta(seconds=30))
    assert not Challenge.objects.unleased().exists() and shadow_scoring.score_pending_challenges() == 0
    Challenge.objects.filter(pk=running.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert Challenge.objects.unleased().exists(), "Its worker was killed."


def test_it_scores_its_share(product: Product, candidate: ModelVersion, make_decided_part: MakePart) -> None:
    running = shadow_scoring.start_challenge(candidate, by=None, share=0.5)
    for _ in range(60):
        make_decided_part(PASS, None, received_at=timezone.now())
    due = shadow_scoring._next_parts(running, set())
    assert 15 <= len(due) <= 32
    assert all(shadow_scoring.shadow_sample_value(key) < 0.5 for key in due)


def test_one_challenger_at_a_time_and_never_the_champion(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    with pytest.raises(shadow_scoring.ChallengeRefused, match="champion"):
        shadow_scoring.start_challenge(champion, by=None)
    with pytest.raises(shadow_scoring.ChallengeRefused, match="share"):
        shadow_scoring.start_challenge(candidate, by=None, share=0)
    shadow_scoring.start_challenge(candidate, by=None)
    with pytest.raises(shadow_scoring.ChallengeRefused, match="Another"):
        shadow_scoring.start_challenge(candidate, by=None)


def test_a_challenge_ends_with_the_promotion(candidate: ModelVersion, champion: ModelVersion) -> None:
    shadow_scoring.start_challenge(candidate, by=None)
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    ModelVersion.objects.filter(pk=candidate.pk).update(state="champion")
    shadow_scoring.score_pending_challenges()
    assert not Challenge.objects.running().exists()


def test_a_damaged_challenger_costs_nobody_anything(candidate: ModelVersion, make_decided_part: MakePart) -> None:
    shadow_scoring.start_challenge(candidate, by=None)
    make_decided_part(PASS, None)
    assert shadow_scoring.score_pending_challenges() == 0, "Its files are not there."


def test_a_part_that_no_version_had_time_for_is_no_disagreement(
    candidate: ModelVersion, make_decided_part: MakePart
) -> None:
    running = shadow_scoring.start_challenge(candidate, by=None)
    part = make_decided_part(PASS, None, "PASS", verdict="REVIEW", reasons=["deadline"])
    make_rescore(candidate, part, PASS, "shadow")
    make_rescore(candidate, make_decided_part(PASS, None, verdict="PASS"), PASS, "shadow")
    read = challenger_report.load_report(running)
    assert (read.scored, read.agreement.value, read.labeled, read.disagreements) == (1, 1.0, 0, [])


def test_what_it_says_beside_the_verdicts_given(candidate: ModelVersion, make_decided_part: MakePart) -> None:
    running = shadow_scoring.start_challenge(candidate, by=None)
    seen = [
        (make_decided_part(FAIL, None, "FAIL", verdict="FAIL"), PASS),
        (make_decided_part(PASS, None, "FAIL", verdict="REVIEW", reasons=["audit_sample"]), FAIL),
        (make_decided_part(PASS, None, verdict="PASS"), PASS),
        (make_decided_part(UNSURE, None, verdict="REVIEW", reasons=["low_confidence"]), UNSURE),
    ]
    for one, probability in seen:
        make_rescore(candidate, one, probability, "shadow")
    read = challenger_report.load_report(running)
    assert (read.scored, read.agreement.value) == (4, 0.5)
    cells = {(was, now): count for was, row in read.matrix for now, count, _ in row if count}
    assert cells == {("PASS", "PASS"): 1, ("REVIEW", "REVIEW"): 1, ("FAIL", "PASS"): 1, ("PASS", "FAIL"): 1}
    assert (read.labeled, read.new_escapes, read.caught_escapes) == (2, 1, 1), "The audited part would have passed."
    assert read.cost["difference"].value == 0
    assert {one[0] for one in read.disagreements} == {seen[0][0], seen[1][0]}
