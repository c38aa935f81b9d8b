"""JPEG files that decode with warnings: a person looks at the part, whatever the model is sure of."""

from __future__ import annotations

from typing import Any

import pytest

from inspection.models import Inspection
from inspection.replay import rescoring
from inspection.scoring import score_recovery
from mltasks.models import ModelVersion
from tests.inspection.conftest import Receive, Sender, error_of
from tests.inspection.sample_images import damaged_jpeg, jpeg, short_jpeg
from tests.inspection.scoring.scripted_scorer import scores


@pytest.mark.parametrize(("probability", "reasons"), [(0.01, []), (0.3, ["low_confidence"]), (0.99, [])])
def test_a_damaged_image_goes_to_a_person_with_its_scores(
    probability: float, reasons: list[str], make_scripted_champion: Any, sender: Sender
) -> None:
    make_scripted_champion(scores(probability))

    answer = sender.send(damaged_jpeg())

    assert answer.status_code == 201
    body = answer.json()
    assert (body["verdict"], body["reasons"]) == ("REVIEW", [*reasons, "damaged_image"])
    assert body["defect_probability"] == probability
    assert Inspection.objects.get().inclusion_probability == 1
    assert sender.client.get("/api/v1/inspections/", {"reason": "damaged_image"}, headers=sender.headers).json()


def test_a_whole_image_does_not(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(scores(0.01))

    assert receive(jpeg()).reasons == []


def test_it_refuses_a_short_scan_with_an_end_marker(make_scripted_champion: Any, sender: Sender) -> None:
    make_scripted_champion(scores(0.01))

    assert error_of(sender.send(short_jpeg())) == (400, "truncated_image")
    assert not Inspection.objects.exists()


def test_without_a_model_the_damage_is_told_too(receive: Receive) -> None:
    assert receive(damaged_jpeg()).reasons == ["no_model", "damaged_image"]


@pytest.mark.parametrize("champion", [True, False])
def test_a_part_that_a_crash_left_behind_is_routed_alike(
    champion: bool, make_scripted_champion: Any, receive: Receive
) -> None:
    if champion:
        make_scripted_champion(scores(0.01), scores(0.01))
    row = receive(damaged_jpeg())
    stored = ("image_name", "image_sha256", "image_format", "roi", "image_width", "image_height", "image_bytes")
    left = Inspection.objects.create(product=row.product, **{name: getattr(row, name) for name in stored})

    assert score_recovery.recover_scoring() == 1

    left.refresh_from_db()
    assert (left.verdict, left.reasons) == (row.verdict, row.reasons)


def test_a_replay_sends_it_to_a_person_as_well(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(scores(0.01))
    row = receive(damaged_jpeg())

    decision = rescoring.decide_by_current_costs(scores(0.01), ModelVersion.objects.get(), row)

    assert (decision.verdict, decision.reasons) == ("REVIEW", ("damaged_image",))
