"""On too few judged parts a page gives a sentence, no figure; a replay that waits tells its place."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from inspection.models import Product, Replay
from inspection.promotion import challenger_report, shadow_scoring
from inspection.replay import replay, replay_queue
from inspection.replay.replay_report import ReplayReading
from mltasks.models import ModelVersion, TrainingRun
from tests.inspection.replay.conftest import DOUBT, FAIL, PASS, Part, make_version, replayed, rescore
from webapp.templatetags.charts import judged_interval

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("count", "enough"), [(49, False), (50, True)])
def test_below_fifty_judged_parts_a_replay_gives_one_sentence(
    part: Part, candidate: ModelVersion, count: int, enough: bool
) -> None:
    read = ReplayReading(replayed(candidate, *(part(DOUBT, FAIL, "FAIL", holdout=True) for _ in range(count))))
    sentence = f"{count} judged parts are too few to say: at least 50 are needed."
    assert (read.too_few, read.holdout_too_few) == (("", "") if enough else (sentence, sentence))
    assert (read.cost is not None, read.load_is_known) == (enough, enough)
    assert ("it passes 0 defective ones" in read.sentence, sentence in read.sentence) == (enough, not enough)
    recall = judged_interval(read.figures["holdout"]["candidate"]["recall"]["counted"])
    told = render_to_string("parts/interval.html", recall)
    assert ("100.0" in told, f"too few to say: {count} parts" in told) == (enough, not enough)


def test_a_challenger_speaks_from_fifty_parts_on(part: Part, candidate: ModelVersion) -> None:
    running = shadow_scoring.challenge(candidate, by=None)
    for _ in range(49):
        rescore(candidate, part(PASS, None, "PASS", verdict="PASS"), PASS, "shadow")
    read = challenger_report.read(running)
    assert not read.agreement_is_known and read.too_few.startswith("49 judged parts")
    rescore(candidate, part(PASS, None, "PASS", verdict="PASS"), PASS, "shadow")
    read = challenger_report.read(running)
    assert read.agreement_is_known and not read.too_few


def test_a_waiting_replay_tells_its_place(product: Product, part: Part, candidate: ModelVersion) -> None:
    part(PASS, PASS)
    first = replay.start(candidate, hint=False)
    assert replay_queue.place(first) == "First in the queue: a worker takes it within seconds."
    training = TrainingRun.objects.create(model=candidate.model, state="running")
    assert replay_queue.place(first) == f"2nd in the queue, behind training run {training.pk}."
    second = replay.start(make_version(product), hint=False)
    behind = f"training run {training.pk}, the replay of {candidate}"
    assert replay_queue.place(second) == f"3rd in the queue, behind {behind}."
    third = replay.start(make_version(product), hint=False)
    assert replay_queue.place(third) == f"4th in the queue, behind {behind} and 1 more."
    Replay.objects.filter(pk=first.pk).update(state="running")
    first.refresh_from_db()
    assert f"lower priority than training run {training.pk}" in replay_queue.place(first)
    TrainingRun.objects.filter(pk=training.pk).update(state="succeeded")
    assert replay_queue.place(first) == ""
