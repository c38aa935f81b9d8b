"""Where PASS and FAIL begin: the product's costs, its promise, its line's share of defects, its audits."""

from __future__ import annotations

import timeit
from typing import Any

import pytest

from inspection.models import Product
from inspection.products.bands import current_guarantee, product_bands, routing_policy
from inspection.replay.rescoring import decide_by_current_costs
from inspection.replay.scored_parts import load_version_verdicts
from mltasks.models import ModelVersion
from mltasks.vision.guarantees.escape_curve import MAX_STORED_PARTS
from mltasks.vision.types import Scores
from tests.inspection.conftest import Receive
from tests.inspection.scoring.scripted_scorer import scores
from webapp.templatetags.charts import probability_bar

# A hundred defective parts, of which one may escape: the two that look good are cut off by their novelty, because the
# good parts of this version are all less novel.
JOINT = {
    "lowest": [0.001, 0.002, *[0.03] * 5, *[0.5] * 93],
    "parts": 100,
    "novelty": [0.8, 0.7, *[1.2] * 5, *[0.5] * 93],
    "good": [[0.03, 0.2]] * 20 + [[0.06, 0.2]] * 20,
}
ESCAPES = {"lowest": [0.005, 0.012] + [0.5] * 98, "parts": 100}


def test_it_uses_the_costs_the_product_has_now(make_scripted_champion: Any, receive: Receive, product: Product) -> None:
    product.review_cost, product.fn_cost, product.audit_share = 10, 99, 0
    product.save()
    make_scripted_champion(scores(0.02))
    assert receive(product=product).verdict == "FAIL"


@pytest.mark.parametrize(
    ("meta", "probability", "verdict"),
    [
        ({}, 0.02, "PASS"),
        ({"escapes": ESCAPES}, 0.012, "REVIEW"),
        ({"escapes": ESCAPES}, 0.0119, "PASS"),
        ({"escapes": {"lowest": [0.03] * 20, "parts": 20}}, 0.015, "REVIEW"),
        ({"escapes": {"lowest": [0.03] * 20, "parts": 20}}, 0.0149, "PASS"),
    ],
)
def test_it_keeps_the_products_promise(
    meta: dict[str, Any],
    probability: float,
    verdict: str,
    make_scripted_champion: Any,
    receive: Receive,
    product: Product,
) -> None:
    product.audit_share = 0
    product.save()
    ModelVersion.objects.update(meta=meta)
    make_scripted_champion(scores(probability))
    assert receive(product=product).verdict == verdict


@pytest.mark.parametrize(
    ("probability", "novelty", "verdict", "reasons"),
    [
        (0.039, 0.79, "PASS", []),
        (0.039, 0.8, "REVIEW", ["novel_anomaly"]),
        (0.9, 0.9, "FAIL", []),
        (0.9, 1.1, "REVIEW", ["novel_anomaly"]),
    ],
)
def test_it_passes_by_the_versions_novelty_line(
    probability: float,
    novelty: float,
    verdict: str,
    reasons: list[str],
    make_scripted_champion: Any,
    receive: Receive,
    product: Product,
) -> None:
    product.audit_share = product.fail_audit_share = 0
    product.save()
    ModelVersion.objects.update(meta={"escapes": JOINT})
    make_scripted_champion(Scores(probability, 0.001, 0.002, 0.5, novelty > 1, novelty))
    row = receive(product=product)
    assert (row.verdict, row.reasons, row.novel_defect_suspected) == (verdict, reasons, novelty > 1)
    version = ModelVersion.objects.get()
    again = load_version_verdicts(version, product, [row.pk])[row.pk]
    scores_then = Scores(probability, 0.0, 0.0, 0.5, novelty > 1, novelty)
    assert again.verdict == decide_by_current_costs(scores_then, version, row).verdict == verdict


def test_a_guarantee_of_its_own_moves_both_lines_without_training(
    make_scripted_champion: Any, product: Product
) -> None:
    ModelVersion.objects.update(meta={"escapes": JOINT})
    version = ModelVersion.objects.get()
    guarantee = current_guarantee(product, version)
    assert guarantee is not None and (guarantee["kind"], guarantee["escapes"]) == ("confidence", 1)
    product.escape_promise = 0.02
    on_average, bands = current_guarantee(product, version), product_bands(product, version)
    assert on_average is not None and (on_average["kind"], on_average["more_defective_labels_needed"]) == (
        "average",
        49,
    )
    assert on_average["escapes"] <= 1
    assert (bands.bound, bands.low_limited_by) == ("average", "costs")
    product.escape_promise = 0.005
    assert product_bands(product, version).bound == "none"
    product.escape_promise = 1
    assert product_bands(product, version).novelty_line == 1


def test_a_product_that_promises_nothing_passes_by_costs(
    make_scripted_champion: Any, receive: Receive, product: Product
) -> None:
    product.audit_share, product.escape_promise = 0, 1
    product.save()
    ModelVersion.objects.update(meta={"escapes": ESCAPES})
    make_scripted_champion(scores(0.039))
    assert receive(product=product).verdict == "PASS"


def test_the_lines_own_share_of_defects_moves_the_bands(
    make_scripted_champion: Any, receive: Receive, product: Product
) -> None:
    product.audit_share, product.defect_rate = 0, 0.01
    product.save()
    ModelVersion.objects.update(meta={"training": {"good": 50, "defect": 50}})
    make_scripted_champion(scores(0.5))
    row = receive(product=product)
    # Of labels half defective 0.5 is what 1 % is on the line: below the 4 % from which a look pays.
    assert (row.verdict, row.model_verdict, row.defect_probability) == ("PASS", "PASS", 0.5)


def test_pages_draw_the_bands_that_route(make_scripted_champion: Any, product: Product) -> None:
    ModelVersion.objects.update(meta={"escapes": ESCAPES})
    version = ModelVersion.objects.get()
    bands = routing_policy(product, version).bands
    drawn = probability_bar(product, version, 0.02)
    assert (drawn["low"], drawn["high"]) == (bands.low, bands.high) == (pytest.approx(0.012), pytest.approx(0.8))
    assert probability_bar(product, None, None)["low"] == pytest.approx(0.04)


def test_the_policy_takes_microseconds(make_scripted_champion: Any, product: Product) -> None:
    version = ModelVersion(
        meta={
            "escapes": {
                "lowest": [n / MAX_STORED_PARTS for n in range(MAX_STORED_PARTS)],
                "parts": 9000,
            }
        }
    )
    routing_policy(product, version)
    best = min(timeit.repeat(lambda: routing_policy(product, version), number=20, repeat=5)) / 20
    print(f"{best * 1e6:.0f} microseconds")
    assert best < 1e-3


def test_audits_take_the_share_of_sure_passes(make_scripted_champion: Any, receive: Receive, product: Product) -> None:
    product.audit_share = 1
    product.save()
    make_scripted_champion(scores(0.01))
    row = receive(product=product)
    assert (row.verdict, row.model_verdict, row.reasons) == ("REVIEW", "PASS", ["audit_sample"])
