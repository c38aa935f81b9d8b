"""All versions on the locked holdout, in one table."""

from __future__ import annotations

import pytest

from inspection.models import Product
from inspection.replay import replay
from mltasks.models import ModelVersion
from tests.inspection.replay.conftest import (
    FAIL,
    PASS,
    MakePart,
    add_to_snapshot,
    make_finished_replay,
    make_rescore,
    make_version,
)

pytestmark = pytest.mark.django_db


def test_the_newest_measurement_of_each_version_counts(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    assert replay.holdout_replays(product) == []
    first, second = (make_decided_part(PASS, FAIL, "FAIL", holdout=True) for _ in range(2))
    make_finished_replay(candidate, first)
    make_finished_replay(candidate, first, second)
    newer = make_version(product)
    for one in (first, second):
        make_rescore(newer, one, PASS)
    add_to_snapshot(newer, second)
    make_finished_replay(newer, first, second)
    later, earlier = replay.holdout_replays(product)
    measured = [(row.candidate, row.figures["holdout"]["candidate"]) for row in (later, earlier)]
    assert [(version, metrics["n"], metrics["recall"]["counted"]["value"]) for version, metrics in measured] == [
        (newer, 1, 0.0),
        (candidate, 2, 1.0),
    ]


def test_a_replay_without_locked_parts_is_no_measurement(
    product: Product, make_decided_part: MakePart, candidate: ModelVersion
) -> None:
    make_finished_replay(candidate, make_decided_part(PASS, PASS))
    assert replay.holdout_replays(product) == []
