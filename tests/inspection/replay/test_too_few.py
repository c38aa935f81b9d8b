"""On too few judged parts a page gives a sentence, no figure; a replay that waits tells its place."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from inspection.models import Product, Replay
from inspection.promotion import challenger_report, shadow_scoring
from inspection.replay import replay, replay_queue
from inspection.replay.replay_report import ReplayReport
from mltasks.models import ModelVersion, TrainingRun
from tests.inspection.replay.conftest import (
    FAIL,
    PASS,
    UNSURE,
    MakePart,
    make_finished_replay,
    make_rescore,
    make_version,
)
from webapp.templatetags.charts import evidence_interval

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("count", "enough"), [(49, False), (50, True)])
def test_below_fifty_judged_parts_a_replay_gives_one_sentence(
    make_decided_part: MakePart, candidate: ModelVersion, count: int, enough: bool
) -> None:
    read = ReplayReport(
        make_finished_replay(candidate, *(make_decided_part(UNSURE, FAIL, "FAIL", holdout=True) for _ in range(count)))
    )
    sentence = f"{count} labeled parts are too few for a comparison: at least 50 are needed."
    assert (read.too_few_text, read.holdout_too_few_text) == (("", "") if enough else (sentence, sentence))
    assert (read.cost is not None, read.has_review_load) == (enough, enough)
    assert ("the candidate passes 0 defective parts" in read.summary, sentence in read.summary) == (enough, not enough)
    recall = evidence_interval(read.figures["holdout"]["candidate"]["recall"]["counted"])
    told = render_to_string("parts/interval.html", recall)
    assert ("100.0" in told, f"too few to say: {count} parts" in told) == (enough, not enough)


def test_a_challenger_speaks_from_fifty_parts_on(make_decided_part: MakePart, candidate: ModelVersion) -> None:
    running = shadow_scoring.start_challenge(candidate, by=None)
    for _ in range(49):
        make_rescore(candidate, make_decided_part(PASS, None, "PASS", verdict="PASS"), PASS, "shadow")
    read = challenger_report.load_report(running)
    assert not read.has_enough_for_agreement and read.too_few_text.startswith("49 labeled parts")
    make_rescore(candidate, make_decided_part(PASS, None, "PASS", verdict="PASS"), PASS, "shadow")
    read = challenger_report.load_report(running)
    assert read.has_enough_for_agreement and not read.too_few_text


def test_a_waiting_replay_tells_its_place(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    make_decided_part(PASS, PASS)
    first = replay.start(candidate, enqueue=False)
    assert replay_queue.queue_position_text(first) == "First in the queue: a worker starts it within seconds."
    training = TrainingRun.objects.create(model=candidate.model, state="running")
    assert replay_queue.queue_position_text(first) == f"2nd in the queue, after training run {training.pk}."
    second = replay.start(make_version(product), enqueue=False)
    behind = f"training run {training.pk}, the replay of {candidate}"
    assert replay_queue.queue_position_text(second) == f"3rd in the queue, after {behind}."
    third = replay.start(make_version(product), enqueue=False)
    assert replay_queue.queue_position_text(third) == f"4th in the queue, after {behind} and 1 more."
    Replay.objects.filter(pk=first.pk).update(state="running")
    first.refresh_from_db()
    assert f"lower priority than training run {training.pk}" in replay_queue.queue_position_text(first)
    TrainingRun.objects.filter(pk=training.pk).update(state="succeeded")
    assert replay_queue.queue_position_text(first) == ""
