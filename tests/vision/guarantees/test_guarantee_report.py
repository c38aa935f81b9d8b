"""Tests of the promise in reports: the bound that applies, and the number of missing labels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.guarantee_report import guarantee_report
from mltasks.vision.guarantees.thresholds import Bands, cost_bands, guaranteed_bands
from mltasks.vision.types import Costs
from tests.vision.guarantees.test_escape_guarantee import PROMISE, even_curve, joint


def report_of(curve: EscapeCurve, promise: EscapeRateGuarantee = PROMISE) -> dict[str, Any]:
    return guarantee_report(curve, promise, guaranteed_bands(cost_bands(Costs()), curve, promise))


def test_a_report_says_what_holds_and_what_is_missing() -> None:
    held, average, early = (report_of(joint(even_curve(count))) for count in (59, 20, 10))

    assert (held["kind"], held["holds"], held["escapes"]) == ("confidence", True, 0)
    assert (held["more_defective_labels_needed"], held["more_labels_needed_on_average"]) == (0, 0)
    assert held["bound"] == pytest.approx(1 - 0.05 ** (1 / 59))
    assert held["average_bound"] is None
    assert (average["kind"], average["holds"], average["average_bound"]) == ("average", False, 1 / 21)
    assert (average["more_defective_labels_needed"], average["more_labels_needed_on_average"]) == (39, 0)
    assert average["bound"] == pytest.approx(1 - 0.05 ** (1 / 20))
    assert (early["kind"], early["holds"], early["defective_parts"]) == ("none", False, 10)
    assert (early["more_defective_labels_needed"], early["more_labels_needed_on_average"]) == (49, 9)
    at_the_end = guarantee_report(even_curve(59), PROMISE, Bands(1 / 60, 0.8, 0.5))
    assert at_the_end["escapes"] == 1, "A part at the end of the band passes."
    json.dumps([held, average, early], allow_nan=False)


def test_versions_from_before_promise_with_confidence_or_not_at_all() -> None:
    early, late = report_of(even_curve(20)), report_of(even_curve(59))

    assert early["more_labels_needed_on_average"] is None
    assert (early["kind"], early["passes_up_to"]) == ("none", pytest.approx(1 / 42))
    assert (late["kind"], late["passes_up_to_novelty"]) == ("confidence", 1)
    assert "Wilks 1941" in early["method"] and "Tukey 1947" not in early["method"]
