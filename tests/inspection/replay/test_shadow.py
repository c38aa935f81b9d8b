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
from tests.inspection.replay.conftest import DOUBT, FAIL, PASS, Part, rescore
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

pytestmark = pytest.mark.django_db


def test_it_scores_what_came_since_once_and_changes_no_verdict(
    product: Product, make_version: MakeVersion, receive: Receive
) -> None:
    make_version(product, champion=True)
    receive(jpeg(seed=1))
    challenger = make_version(product)
    running = shadow_scoring.challenge(challenger, by=User.objects.create_user("mia"))
    parts = [receive(jpeg(seed=seed)) for seed in (2, 3)]
    before = list(Inspection.objects.order_by("pk").values())
    assert (shadow_scoring.sweep(), shadow_scoring.sweep()) == (2, 0)
    rows = Rescore.objects.live().filter(version=challenger)
    assert set(rows.values_list("inspection", flat=True)) == {part.pk for part in parts}
    assert list(Inspection.objects.order_by("pk").values()) == before
    read = challenger_report.read(running)
    assert (read.scored, read.waiting, read.agreement.value) == (2, 0, 1.0)
    assert shadow_scoring.end(running, by=None) and not shadow_scoring.end(running, by=None)
    receive(jpeg(seed=4))
    assert shadow_scoring.sweep() == 0


def test_two_workers_do_not_score_for_one_challenger(candidate: ModelVersion, part: Part) -> None:
    running = shadow_scoring.challenge(candidate, by=None)
    part(PASS, None)
    Challenge.objects.filter(pk=running.pk).update(lease_expires_at=timezone.now() + timedelta(seconds=30))
    assert not Challenge.objects.free().exists() and shadow_scoring.sweep() == 0
    Challenge.objects.filter(pk=running.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert Challenge.objects.free().exists(), "Its worker was killed."


def test_it_scores_its_share(product: Product, candidate: ModelVersion, part: Part) -> None:
    running = shadow_scoring.challenge(candidate, by=None, share=0.5)
    for _ in range(60):
        part(PASS, None, received_at=timezone.now())
    due = shadow_scoring._due(running, set())
    assert 15 <= len(due) <= 32
    assert all(shadow_scoring.shadow_draw(key) < 0.5 for key in due)


def test_one_challenger_at_a_time_and_never_the_champion(
    product: Product, champion: ModelVersion, candidate: ModelVersion
) -> None:
    with pytest.raises(shadow_scoring.ChallengeRefused, match="champion"):
        shadow_scoring.challenge(champion, by=None)
    with pytest.raises(shadow_scoring.ChallengeRefused, match="share"):
        shadow_scoring.challenge(candidate, by=None, share=0)
    shadow_scoring.challenge(candidate, by=None)
    with pytest.raises(shadow_scoring.ChallengeRefused, match="Another"):
        shadow_scoring.challenge(candidate, by=None)


def test_a_challenge_ends_with_the_promotion(candidate: ModelVersion, champion: ModelVersion) -> None:
    shadow_scoring.challenge(candidate, by=None)
    ModelVersion.objects.filter(pk=champion.pk).update(state="retired")
    ModelVersion.objects.filter(pk=candidate.pk).update(state="champion")
    shadow_scoring.sweep()
    assert not Challenge.objects.running().exists()


def test_a_damaged_challenger_costs_nobody_anything(candidate: ModelVersion, part: Part) -> None:
    shadow_scoring.challenge(candidate, by=None)
    part(PASS, None)
    assert shadow_scoring.sweep() == 0, "Its files are not there."


def test_what_it_says_beside_the_verdicts_given(candidate: ModelVersion, part: Part) -> None:
    running = shadow_scoring.challenge(candidate, by=None)
    seen = [
        (part(FAIL, None, "FAIL", verdict="FAIL"), PASS),
        (part(PASS, None, "FAIL", verdict="REVIEW", reasons=["audit_sample"]), FAIL),
        (part(PASS, None, verdict="PASS"), PASS),
        (part(DOUBT, None, verdict="REVIEW", reasons=["low_confidence"]), DOUBT),
    ]
    for one, probability in seen:
        rescore(candidate, one, probability, "shadow")
    read = challenger_report.read(running)
    assert (read.scored, read.agreement.value) == (4, 0.5)
    cells = {(was, now): count for was, row in read.matrix for now, count, _ in row if count}
    assert cells == {("PASS", "PASS"): 1, ("REVIEW", "REVIEW"): 1, ("FAIL", "PASS"): 1, ("PASS", "FAIL"): 1}
    assert (read.labeled, read.new_escapes, read.caught_escapes) == (2, 1, 1), "The audited part would have passed."
    assert read.cost["difference"].value == 0
    assert {one[0] for one in read.differ} == {seen[0][0], seen[1][0]}
