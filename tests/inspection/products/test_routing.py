"""Routing is pure: for any costs and scores, the cheapest of pass, fail and review, and never a pass in doubt."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Literal, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.models import Reason, Verdict
from inspection.products.routing import (
    Decision,
    ModelVerdictName,
    ReasonName,
    RoutingPolicy,
    VerdictName,
    audit_sample_value,
    decide,
)
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.thresholds import Bands, cost_bands, guaranteed_bands
from mltasks.vision.types import Costs, Scores

probabilities = st.floats(0, 1)
draws = st.floats(0, 1, exclude_max=True)
cost = st.floats(0.001, 1000)
all_costs = st.builds(Costs, fn=cost, fp=cost, review=st.floats(0, 1000))
seen = st.lists(st.floats(1e-6, 1), min_size=1, max_size=80).map(lambda p: EscapeCurve(tuple(sorted(p)), len(p)))
promises = st.builds(
    guaranteed_bands, st.builds(cost_bands, all_costs), seen, st.builds(EscapeRateGuarantee, st.floats(0.02, 1))
)
pairs = st.lists(st.tuples(st.floats(1e-6, 1), st.floats(0, 2)), min_size=1, max_size=80)
joint = pairs.map(
    lambda seen: EscapeCurve.from_images(
        [p for p, _ in seen], [v for _, v in seen], [1] * len(seen), [str(n) for n in range(len(seen))]
    )
)
promises |= st.builds(
    guaranteed_bands, st.builds(cost_bands, all_costs), joint, st.builds(EscapeRateGuarantee, st.floats(0.02, 1))
)
policies = st.builds(RoutingPolicy, bands=st.builds(cost_bands, all_costs) | promises, audit_share=st.floats(0, 1))


def sure_decision(verdict: Literal["PASS", "FAIL"]) -> Decision:
    """Decided by the model, where no part is drawn for audit."""
    return Decision(verdict, verdict, (), 0.0)


def scores(probability: float, novel: bool = False, novelty: float = 0.0) -> Scores:
    return Scores(
        defect_probability=probability,
        reconstruction_error=2.0 if novel else 0.5,
        anomaly_threshold=1.0,
        probability_threshold=0.5,
        novel_defect_suspected=novel or novelty > 1,
        novelty=novelty,
    )


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, sure_decision("PASS")),
        (0.04, sure_decision("PASS")),
        (0.041, Decision("REVIEW", "PASS", ("low_confidence",))),
        (1 / 6, Decision("REVIEW", "FAIL", ("low_confidence",))),
        (0.79, Decision("REVIEW", "FAIL", ("low_confidence",))),
        (0.8, sure_decision("FAIL")),
        (1.0, sure_decision("FAIL")),
    ],
)
def test_it_routes_by_the_default_costs(probability: float, expected: Decision) -> None:
    assert decide(scores(probability), RoutingPolicy(), audit_value=0.0) == expected


def test_a_novel_part_goes_to_a_person_however_sure_the_model_is() -> None:
    for probability, label in ((0.0, "PASS"), (1.0, "FAIL")):
        found = decide(scores(probability, novel=True), RoutingPolicy(), audit_value=0.5)
        assert found == Decision("REVIEW", label, ("novel_anomaly",))  # type: ignore[arg-type]


def test_a_part_has_all_its_reasons() -> None:
    found = decide(scores(0.5, novel=True), RoutingPolicy(), audit_value=0.5)
    assert found.reasons == ("low_confidence", "novel_anomaly")


def test_without_scores_a_person_decides() -> None:
    assert decide(None, RoutingPolicy(), audit_value=0.5) == Decision("REVIEW", None, ("no_model",))


def test_sure_verdicts_are_audited_each_by_its_share() -> None:
    policy = RoutingPolicy(audit_share=0.3, fail_audit_share=0.1)
    assert decide(scores(0.0), policy, audit_value=0.29) == Decision("REVIEW", "PASS", ("audit_sample",), 0.3)
    assert decide(scores(0.0), policy, audit_value=0.3) == Decision("PASS", "PASS", (), 0.3)
    assert decide(scores(1.0), policy, audit_value=0.09) == Decision("REVIEW", "FAIL", ("audit_sample",), 0.1)
    assert decide(scores(1.0), policy, audit_value=0.1) == Decision("FAIL", "FAIL", (), 0.1)
    assert decide(scores(0.5), policy, audit_value=0.0).reasons == ("low_confidence",)


def test_costly_reviews_leave_no_band() -> None:
    policy = RoutingPolicy(cost_bands(Costs(fn=5, fp=1, review=10)))
    assert decide(scores(1 / 6 - 1e-9), policy, audit_value=0.5).verdict == "PASS"
    assert decide(scores(1 / 6), policy, audit_value=0.5).verdict == "FAIL"


def test_a_promise_asks_a_person_where_costs_would_pass() -> None:
    curve = EscapeCurve((0.01, 0.02, *[0.5] * 98), 100)
    policy = RoutingPolicy(guaranteed_bands(cost_bands(Costs()), curve, EscapeRateGuarantee()))

    # Of a hundred defects one may escape: a part as good as the second lowest must not pass, one below it may.
    assert decide(scores(0.02), policy, audit_value=0.5) == Decision("REVIEW", "PASS", ("low_confidence",))
    assert decide(scores(0.0199), policy, audit_value=0.5) == sure_decision("PASS")
    assert decide(scores(0.8), policy, audit_value=0.5) == sure_decision("FAIL")


def test_a_novelty_line_asks_a_person_where_a_part_would_pass() -> None:
    policy = RoutingPolicy(Bands(0.1, 0.8, 0.2, novelty_line=0.6))

    assert decide(scores(0.1, novelty=0.6), policy, audit_value=0.5) == sure_decision("PASS")
    assert decide(scores(0.1, novelty=0.61), policy, audit_value=0.5) == Decision("REVIEW", "PASS", ("novel_anomaly",))
    assert decide(scores(0.5, novelty=0.61), policy, audit_value=0.5).reasons == ("low_confidence",)
    assert decide(scores(0.9, novelty=1.0), policy, audit_value=0.5) == sure_decision("FAIL")
    assert decide(scores(0.9, novelty=1.01), policy, audit_value=0.5) == Decision("REVIEW", "FAIL", ("novel_anomaly",))


@given(probability=probabilities, novelty=st.floats(0, 2), policy=policies)
def test_what_passes_is_what_the_promise_counts(probability: float, novelty: float, policy: RoutingPolicy) -> None:
    found = decide(scores(probability, novelty=novelty), policy, audit_value=1.0)
    assert (found.verdict == "PASS") == policy.bands.passes(probability, novelty)
    assert (found.verdict == "REVIEW") == (
        policy.bands.needs_review(probability) or policy.bands.is_novel(probability, novelty)
    )


def test_a_rare_defect_moves_label_and_verdict_together() -> None:
    policy = RoutingPolicy(cost_bands(Costs(), defect_rate=0.01, labeled_rate=0.5))

    assert decide(scores(0.79), policy, audit_value=0.5) == sure_decision("PASS")
    assert decide(scores(0.9), policy, audit_value=0.5) == Decision("REVIEW", "PASS", ("low_confidence",))
    assert decide(scores(0.96), policy, audit_value=0.5) == Decision("REVIEW", "FAIL", ("low_confidence",))
    assert decide(scores(0.998), policy, audit_value=0.5) == sure_decision("FAIL")


@given(probability=probabilities, novel=st.booleans(), policy=policies, draw=draws)
def test_reasons_mean_review_and_no_reason_the_label(
    probability: float, novel: bool, policy: RoutingPolicy, draw: float
) -> None:
    found = decide(scores(probability, novel), policy, audit_value=draw)
    assert (found.verdict == "REVIEW") == bool(found.reasons)
    assert found.verdict in ("REVIEW", found.model_verdict)
    assert novel == ("novel_anomaly" in found.reasons)


@given(probability=probabilities, costs=all_costs, share=st.floats(0, 1), draw=draws)
def test_the_verdict_is_the_cheapest(probability: float, costs: Costs, share: float, draw: float) -> None:
    policy = RoutingPolicy(cost_bands(costs), share)
    expected = {"PASS": probability * costs.fn, "FAIL": (1 - probability) * costs.fp, "REVIEW": costs.review}
    found = decide(scores(probability), policy, audit_value=draw)
    cheapest = min(expected.values())
    # An audit is dear on purpose.
    if found.reasons != ("audit_sample",):
        assert expected[found.verdict] <= cheapest + 1e-9 * max(costs.fn, costs.fp)


@given(probability=probabilities, policy=policies, draw=draws)
def test_nothing_above_the_band_of_passes_passes(probability: float, policy: RoutingPolicy, draw: float) -> None:
    if decide(scores(probability), policy, audit_value=draw).verdict == "PASS":
        assert probability <= policy.bands.low


@given(low=probabilities, high=probabilities, policy=policies)
def test_a_higher_probability_never_gets_a_better_label(low: float, high: float, policy: RoutingPolicy) -> None:
    low, high = sorted((low, high))
    if decide(scores(low), policy, audit_value=0.9).model_verdict == "FAIL":
        assert decide(scores(high), policy, audit_value=0.9).model_verdict == "FAIL"


@pytest.mark.parametrize("number", [math.nan, math.inf, -0.1, 1.1])
def test_it_refuses_a_probability_that_is_none(number: float) -> None:
    with pytest.raises(ValueError, match="cannot be used for routing"):
        decide(scores(number), RoutingPolicy(), audit_value=0.5)


def test_it_refuses_an_error_that_is_no_number() -> None:
    broken = Scores(0.0, math.nan, 1.0, 0.5, False)
    with pytest.raises(ValueError, match="cannot be used for routing"):
        decide(broken, RoutingPolicy(), audit_value=0.5)


@given(st.uuids())
def test_the_lot_follows_from_the_id(inspection_id: UUID) -> None:
    assert 0 <= audit_sample_value(inspection_id) < 1
    assert audit_sample_value(inspection_id) == audit_sample_value(UUID(str(inspection_id)))


def test_the_lots_are_fair() -> None:
    share = sum(audit_sample_value(UUID(int=number)) < 0.1 for number in range(20_000)) / 20_000
    assert share == pytest.approx(0.1, abs=0.01)


def test_the_words_are_those_of_the_rows() -> None:
    assert set(get_args(VerdictName)) == set(Verdict.values)
    assert set(get_args(ModelVerdictName)) <= set(Verdict.values)
    assert set(get_args(ReasonName)) == set(Reason.values)


def test_it_imports_neither_django_nor_torch() -> None:
    script = (
        "import inspection.products.routing, sys; print({'django', 'torch', 'numpy', 'openvino'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
