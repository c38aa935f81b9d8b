"""A part answered before its scores gets them later, from a worker, and keeps its verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, transaction
from django.db.models.functions import Now

from inspection.models import Embedding, Inspection, Product, ScoreMaps
from inspection.products import queue_ranking
from inspection.products.routing import Decision
from inspection.replay import rescoring
from inspection.scoring import deferred_scoring, scoring
from inspection.scoring.scoring import ScoringOutcome
from mltasks.models import ModelVersion, Promotion
from mltasks.registry import fallback, registry, scorers
from mltasks.storage.store_errors import StoreUnreachable
from tests.inspection.conftest import Receive
from tests.inspection.sample_images import jpeg
from tests.inspection.scoring.scripted_scorer import ScriptedScorer, scores
from tests.tiny_model import MakeVersion, replace_file

LATER = Decision("REVIEW", None, ("low_confidence",))
SURE = Decision("PASS", "PASS", (), 0.25)
ReceiveDeferred = Callable[..., Inspection]


@pytest.fixture
def receive_deferred(product: Product, receive: Receive, monkeypatch: pytest.MonkeyPatch) -> ReceiveDeferred:
    """Take in a part that is answered with this decision, before its scores."""

    def call(decision: Decision = LATER, seed: int = 1) -> Inspection:
        version = registry.champion(product.registered_model)
        with monkeypatch.context() as patch:
            patch.setattr(scoring, "_compute_outcome", lambda *_: ScoringOutcome(decision, version, deferred=True))
            return receive(jpeg(seed=seed))

    return call


def make_lease_expire() -> None:
    Inspection.objects.update(lease_expires_at=Now() - timedelta(seconds=1))


@pytest.mark.parametrize("decision", [LATER, SURE])
def test_the_scores_come_later_and_the_verdict_stays(
    decision: Decision, product: Product, make_version: MakeVersion, receive: Receive, receive_deferred: ReceiveDeferred
) -> None:
    version = make_version(product, champion=True)
    scored = receive(jpeg(seed=1))
    part = receive_deferred(decision)
    assert (part.scoring_deferred, part.attempt, part.defect_probability) == (True, 0, None)
    assert deferred_scoring.score_deferred_parts() == 1
    row = Inspection.objects.get(pk=part.pk)
    assert (row.verdict, row.reasons, row.inclusion_probability, row.model_version) == (
        *(decision.verdict, list(decision.reasons), decision.inclusion_probability, version),
    )
    assert row.model_verdict == (decision.model_verdict or scored.model_verdict)
    assert (row.decided_at, row.latency_ms) == (part.decided_at, part.latency_ms)
    for name in ("defect_probability", "novelty", "reconstruction_error", "anomaly_threshold"):
        assert getattr(row, name) == getattr(scored, name) is not None
    assert (row.scoring_deferred, row.lease_token, row.lease_owner, row.attempt) == (False, None, "", 1)
    maps = ScoreMaps.objects.values_list("packed", flat=True)
    assert len(maps) == 2 and bytes(maps[0]) == bytes(maps[1])
    assert Embedding.objects.get(pk=part.pk).space == version.embedding_space
    assert deferred_scoring.score_deferred_parts() == 0


def test_a_waiting_part_moves_to_the_place_of_its_scores(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_batch_scorer(monkeypatch, make_scripted_champion(scores(0.5)))
    part = receive_deferred()
    before = part.queue_sort_key
    deferred_scoring.score_deferred_parts()
    row = Inspection.objects.get(pk=part.pk)
    assert row.queue_sort_key == queue_ranking.QueuePriority(row.product).sort_key(row) != before


def test_scores_that_the_answer_had_are_kept(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_batch_scorer(monkeypatch, make_scripted_champion(scores(0.99)))
    part = receive_deferred(SURE)
    deferred_scoring.score_deferred_parts()
    row = Inspection.objects.get(pk=part.pk)
    assert (row.model_verdict, row.defect_probability) == ("PASS", 0.99)


def test_three_failures_end_it_and_the_reason_is_stored(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError(f"failure {number}") for number in range(3)]
    use_batch_scorer(monkeypatch, make_scripted_champion(*failures, scores(0.5)))
    part = receive_deferred()
    for attempt in (1, 2, 3):
        assert deferred_scoring.score_deferred_parts() == (attempt == 3)
        assert deferred_scoring.score_deferred_parts() == 0, "The next attempt waits for the end of the lease."
        make_lease_expire()
    row = Inspection.objects.get(pk=part.pk)
    assert (row.scoring_deferred, row.verdict, row.reasons) == (False, "REVIEW", ["low_confidence"])
    assert row.scoring_error == "Attempt 3: RuntimeError: failure 2"
    assert row.defect_probability is None


def test_a_part_whose_worker_is_killed_each_time_is_given_up(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_batch_scorer(monkeypatch, make_scripted_champion(*[OperationalError("killed")] * 3))
    part = receive_deferred()
    for _ in range(3):
        with pytest.raises(OperationalError):
            deferred_scoring.score_deferred_parts()
        make_lease_expire()
    assert deferred_scoring.score_deferred_parts() == 1
    assert Inspection.objects.get(pk=part.pk).scoring_error == deferred_scoring.KILLED_ERROR


def test_a_bucket_that_is_away_is_no_failure_of_the_part(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_batch_scorer(monkeypatch, make_scripted_champion(*[StoreUnreachable("down")] * 5, scores(0.5)))
    part = receive_deferred()
    for _ in range(5):
        with pytest.raises(StoreUnreachable):
            deferred_scoring.score_deferred_parts()
    assert deferred_scoring.score_deferred_parts() == 1
    assert Inspection.objects.get(pk=part.pk).defect_probability == 0.5


def test_who_lost_the_lease_writes_nothing(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overtaken(ScriptedScorer):
        def predict(self, picture: Any, slot_request: object = None) -> Any:
            result = super().predict(picture)
            if self.answers:
                make_lease_expire()
                assert deferred_scoring.score_deferred_parts() == 1
            return result

    use_batch_scorer(monkeypatch, make_scripted_champion(scores(0.2), scores(0.7), kind=Overtaken))
    part = receive_deferred()
    assert deferred_scoring.score_deferred_parts() == 0
    assert Inspection.objects.get(pk=part.pk).defect_probability == 0.7
    assert ScoreMaps.objects.count() == 1


def test_a_fallback_version_scores_for_a_damaged_one_and_is_named(
    product: Product, make_version: MakeVersion, receive_deferred: ReceiveDeferred
) -> None:
    former, champion = make_version(product), make_version(product)
    for version in (former, champion):
        Promotion.objects.create(model=product.registered_model, version=version, reason="test")
    ModelVersion.objects.filter(pk=champion.pk).update(state="champion")
    part = receive_deferred()
    replace_file(champion.path / "serving.bin", b"damaged")
    fallback.forget_damaged()
    assert deferred_scoring.score_deferred_parts() == 1
    row = Inspection.objects.get(pk=part.pk)
    assert row.model_version == former and row.defect_probability is not None
    fallback.forget_damaged()


@pytest.mark.parametrize(
    "change",
    [
        *({"verdict": "PASS"}, {"reasons": []}, {"inclusion_probability": 0.5}, {"state": "pending"}),
        # Scores without the end of the deferral
        *({"defect_probability": 0.5}, {"model_version": None}),
        {"model_verdict": None, "scoring_deferred": False},
        {"model_verdict": "FAIL", "scoring_deferred": False},
    ],
)
def test_it_refuses_any_other_change(
    change: dict[str, Any], make_scripted_champion: Any, receive_deferred: ReceiveDeferred
) -> None:
    make_scripted_champion()
    part = receive_deferred(Decision("REVIEW", "PASS", ("low_confidence",)))
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Inspection.objects.filter(pk=part.pk).update(**change)


def test_it_refuses_to_defer_a_decided_part_and_to_replace_scores(
    make_scripted_champion: Any, receive: Receive, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_batch_scorer(monkeypatch, make_scripted_champion(scores(0.4)))
    part = receive_deferred()
    deferred_scoring.score_deferred_parts()
    for change in ({"scoring_deferred": True}, {"defect_probability": 0.5}):
        with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
            Inspection.objects.filter(pk=part.pk).update(**change)


def test_an_unscored_part_is_scored_by_replays_and_keeps_a_newer_embedding(
    make_scripted_champion: Any, receive_deferred: ReceiveDeferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_batch_scorer(monkeypatch, make_scripted_champion(scores(0.4)))
    part = receive_deferred()
    version = part.model_version
    assert version is not None
    assert rescoring.unscored_parts(version, [part.pk]) == [part.pk]
    Embedding.objects.create(inspection=part, product=part.product, space="newer", vector=ScriptedScorer.embedding)
    deferred_scoring.score_deferred_parts()
    assert rescoring.unscored_parts(version, [part.pk]) == []
    assert Embedding.objects.get(pk=part.pk).space == "newer"


def use_batch_scorer(monkeypatch: pytest.MonkeyPatch, scorer: ScriptedScorer) -> None:
    monkeypatch.setattr(scorers, "get_batch_scorer", lambda _: scorer)
