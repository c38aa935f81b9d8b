"""Three attempts, then a person; and who lost the lease writes nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from numpy.typing import NDArray

from inspection.images import image_files
from inspection.intake import intake
from inspection.models import Embedding, Inspection, Product, ScoreMaps
from inspection.scoring import score_recovery, scoring
from mltasks.vision.serving.scorer import ScoredImage
from tests.inspection.conftest import Receive
from tests.inspection.scoring.scripted_scorer import ScriptedScorer, scores
from tests.tiny_model import MakeVersion, replace_file


def test_a_failed_attempt_is_tried_again_and_noted(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(RuntimeError("out of luck"), scores(0.9))
    row = receive()
    assert (row.verdict, row.attempt) == ("FAIL", 2)
    assert row.scoring_error == "Attempt 1: RuntimeError: out of luck"


def test_after_three_failures_a_person_decides(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(*[RuntimeError(f"failure {number}") for number in range(3)])
    row = Inspection.objects.get(pk=receive().pk)
    assert (row.state, row.verdict, row.reasons) == ("decided", "REVIEW", ["scoring_failed"])
    assert (row.model_verdict, row.defect_probability, row.model_version) == (None, None, None)
    assert row.attempt == 3
    assert "failure 2" in row.scoring_error


def test_scores_that_are_no_numbers_never_pass(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(*[scores(float("nan"))] * 3)
    assert receive().reasons == ["scoring_failed"]


def test_a_damaged_bundle_sends_parts_to_a_person(
    receive: Receive, product: Product, make_version: MakeVersion
) -> None:
    version = make_version(product, champion=True)
    replace_file(version.path / "serving.bin", b"damaged")
    row = receive()
    assert (row.reasons, row.novelty) == (["scoring_failed"], None)
    assert "BundleCorrupt" in row.scoring_error


def test_a_missing_file_sends_the_part_to_a_person(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(*[scores(0.01)] * 3)
    row = receive()
    Inspection.objects.create(product=row.product, image_name="images/gone.jpg", image_sha256="0", image_format="JPEG",
                              image_width=1, image_height=1, image_bytes=1)  # fmt: skip
    assert not image_files.image_path(row).with_name("gone.jpg").exists()
    assert score_recovery.recover_scoring() == 1
    lost = Inspection.objects.get(image_name="images/gone.jpg")
    assert lost.reasons == ["scoring_failed"]
    assert "FileNotFoundError" in lost.scoring_error


def test_a_database_that_goes_away_is_no_failure_of_the_part(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(OperationalError("the server closed the connection"))
    with pytest.raises(OperationalError):
        receive()
    row = Inspection.objects.get()
    assert (row.state, row.attempt, row.scoring_error) == ("pending", 1, "")


def test_who_lost_the_lease_writes_nothing(
    make_scripted_champion: Any, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scripted_champion(scores(0.01), scores(0.99))
    outcome = scoring._compute_outcome

    def taken_meanwhile(inspection: Inspection, frame: Any) -> scoring.ScoringOutcome:
        mine = outcome(inspection, frame)
        monkeypatch.setattr(scoring, "_compute_outcome", outcome)
        Inspection.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
        assert score_recovery.recover_scoring() == 1
        return mine

    monkeypatch.setattr(scoring, "_compute_outcome", taken_meanwhile)
    row = receive()
    assert row.defect_probability == 0.99, "The sweeper's verdict stands, and is what the sender is told."
    assert Inspection.objects.get().verdict == "FAIL"
    assert ScoreMaps.objects.count() == Embedding.objects.count() == 1, "What the loser saw is not kept."


def test_who_lost_the_lease_while_it_failed_stops(make_scripted_champion: Any, receive: Receive) -> None:
    class Thief(ScriptedScorer):
        def predict(self, picture: NDArray[np.uint8], slot_request: object = None) -> ScoredImage:
            Inspection.objects.update(lease_token=uuid.uuid4())
            return super().predict(picture)

    thief = make_scripted_champion(RuntimeError("once"), scores(0.5), kind=Thief)
    with pytest.raises(intake.InProgress):
        receive()
    assert len(thief.images) == 1
    assert Inspection.objects.get().scoring_error == ""


def test_it_refuses_to_score_what_nobody_leased(receive: Receive) -> None:
    row = receive()
    with pytest.raises(ValueError, match="has no lease"):
        scoring.score(row)
