"""All versions on the locked holdout, in one table."""

from __future__ import annotations

import pytest

from inspection.models import Product
from inspection.promotion import holdout_history
from mltasks.models import ModelVersion
from tests.inspection.replay.conftest import FAIL, PASS, Part, make_version, replayed, rescore, taught

pytestmark = pytest.mark.django_db


def test_the_newest_measurement_of_each_version_counts(product: Product, part: Part, candidate: ModelVersion) -> None:
    assert holdout_history.table(product) == []
    first, second = (part(PASS, FAIL, "FAIL", holdout=True) for _ in range(2))
    replayed(candidate, first)
    replayed(candidate, first, second)
    newer = make_version(product)
    for one in (first, second):
        rescore(newer, one, PASS)
    taught(newer, second)
    replayed(newer, first, second)
    later, earlier = holdout_history.table(product)
    assert (later.version, later.parts, later.figures["recall"]["counted"]["value"]) == (newer, 1, 0.0)
    assert (earlier.version, earlier.parts, earlier.figures["recall"]["counted"]["value"]) == (candidate, 2, 1.0)


def test_a_replay_without_locked_parts_is_no_measurement(product: Product, part: Part, candidate: ModelVersion) -> None:
    replayed(candidate, part(PASS, PASS))
    assert holdout_history.table(product) == []
