"""`novelty` is above 1 exactly where a novel defect is suspected, also for old rows and at the threshold itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from inspection.api.serializers import InspectionSerializer
from inspection.models import Inspection
from inspection.products import routing
from inspection.products.routing import RoutingPolicy
from mltasks.vision.types import Scores

ABOVE = math.nextafter(1, 2)


@pytest.mark.parametrize(
    ("fields", "ratio"),
    [
        ({"novelty": 1.8, "novel_defect_suspected": True}, 1.8),
        ({"novelty": 0.4, "novel_defect_suspected": False}, 0.4),
        ({"novelty": 1.0, "novel_defect_suspected": False}, 1.0),
        ({"novelty": ABOVE, "novel_defect_suspected": True}, ABOVE),
        # Another detector than the autoencoder decided.
        ({"novelty": 1.2, "reconstruction_error": 1, "anomaly_threshold": 2, "novel_defect_suspected": True}, 1.2),
        # Rows from before there were others.
        ({"reconstruction_error": 3, "anomaly_threshold": 2, "novel_defect_suspected": True}, 1.5),
        ({"novelty": math.inf, "novel_defect_suspected": True}, None),
        ({}, None),
    ],
)
def test_it_agrees_with_what_is_suspected(fields: dict[str, Any], ratio: float | None) -> None:
    part = Inspection(**fields)
    assert part.novelty_ratio == ratio
    if ratio is not None:
        assert (json.loads(json.dumps(part.novelty_ratio)) > 1) == part.novel_defect_suspected


def test_an_error_that_rounds_to_its_threshold_stays_above_1() -> None:
    below = math.nextafter(1.5, 1)
    part = Inspection(reconstruction_error=1.5, anomaly_threshold=below, novel_defect_suspected=True)
    assert part.novelty_ratio is not None and part.novelty_ratio > 1


def test_the_schema_says_what_it_is() -> None:
    field = InspectionSerializer().fields["novelty"]
    assert field.allow_null and "novel_defect_suspected" in str(field.help_text)


@pytest.mark.parametrize("novelty", [math.nan, math.inf])
def test_it_refuses_to_route_by_a_novelty_that_is_no_number(novelty: float) -> None:
    with pytest.raises(ValueError, match="cannot be used for routing"):
        routing.decide(Scores(0.01, 0.1, 0.2, 0.2, False, novelty), RoutingPolicy(), audit_value=0.5)
