"""Words on the promise: which bound applies, and how many labels the next one lacks."""

from __future__ import annotations

from typing import Any

import pytest

from mltasks.reports.report_text import guarantee_note, guarantee_text
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.guarantee_report import guarantee_report
from mltasks.vision.guarantees.thresholds import cost_bands, guaranteed_bands
from mltasks.vision.types import Costs


def guarantee(parts: int, rate: float = 0.05, joint: bool = True) -> dict[str, Any]:
    curve = EscapeCurve((0.5,) * parts, parts, (0.5,) * parts if joint else ())
    promise = EscapeRateGuarantee(rate)
    return guarantee_report(curve, promise, guaranteed_bands(cost_bands(Costs()), curve, promise))


@pytest.mark.parametrize(
    ("stated", "sentence", "note"),
    [
        (
            guarantee(59),
            "escape rate at most 5 % (guaranteed with 95 % confidence)",
            "With 95 % confidence, at most 5 % of the defective parts pass without review.",
        ),
        (
            guarantee(24),
            "escape rate at most 4 % on average (for 95 % confidence label 35 more defective parts)",
            "On average, at most 5 % of the defective parts pass without review. "
            "For 95 % confidence, label 35 more defective parts.",
        ),
        (
            guarantee(58),
            "escape rate at most 3.4 % on average (for 95 % confidence label 1 more defective part)",
            "On average, at most 5 % of the defective parts pass without review. "
            "For 95 % confidence, label 1 more defective part.",
        ),
        (
            guarantee(8),
            "too few labels to guarantee an escape rate of at most 5 %: label 51 more defective parts "
            "(for a guarantee on average: 11)",
            "No escape guarantee yet: for 5 % with 95 % confidence, label 51 more defective parts "
            "(for a guarantee on average: 11).",
        ),
        (
            guarantee(24, joint=False),
            "too few labels to guarantee an escape rate of at most 5 %: label 35 more defective parts",
            "No escape guarantee yet: for 5 % with 95 % confidence, label 35 more defective parts.",
        ),
    ],
)
def test_it_names_the_bound_and_the_missing_labels(stated: dict[str, Any], sentence: str, note: str) -> None:
    assert guarantee_text(stated).replace("\N{NO-BREAK SPACE}", " ") == sentence
    assert guarantee_note(stated).replace("\N{NO-BREAK SPACE}", " ") == note


def test_a_rate_of_one_requires_nothing() -> None:
    assert guarantee_note(guarantee(8, rate=1)) == "No escape guarantee is required."


def test_reports_of_earlier_releases_read_as_before() -> None:
    added = ("kind", "average_bound", "more_labels_needed_on_average", "passes_up_to_novelty")
    for parts, start in ((59, "escape rate at most"), (24, "too few labels to guarantee")):
        stated = {name: value for name, value in guarantee(parts, joint=False).items() if name not in added}
        assert guarantee_text(stated).startswith(start)
