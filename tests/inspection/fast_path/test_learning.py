"""A product's fast path is learned from its stored parts, labeled or not, and serves at once."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import ImageOps

from inspection.fast_path.learning import FastPathRefused, learn
from inspection.models import FastPath, PolicyChange, Product, Rescore
from inspection.products.bands import serving_fast_path
from mltasks.models import ModelVersion
from tests.inspection.conftest import Receive
from tests.inspection.sample_images import drawn_part, encode, jpeg
from tests.tiny_model import MakeVersion

PARTS, UNSCORED = 60, 4
PASSING, FAILING = 0.01, 0.9


@pytest.fixture
def champion(product: Product, make_version: MakeVersion, receive: Receive) -> ModelVersion:
    """A champion that failed the negatives among the stored parts, and has not scored the last four."""
    parts = [(receive(jpeg(seed=seed)), PASSING) for seed in range(0, PARTS, 2)]
    parts += [(receive(_negative(seed)), FAILING) for seed in range(1, PARTS, 2)]
    version = make_version(product, champion=True)
    Rescore.objects.bulk_create(
        Rescore(
            inspection=part,
            version=version,
            verdict="PASS" if probability < 0.5 else "FAIL",
            model_verdict="PASS" if probability < 0.5 else "FAIL",
            defect_probability=probability,
            novelty=0.5,
            novel_defect_suspected=False,
        )
        for part, probability in parts[:-UNSCORED]
    )
    product.escape_promise, product.fast_path_leak = 1.0, 0.35
    product.fast_path_enabled = True
    product.audit_share = product.fail_audit_share = 0.0
    product.save()
    return version


def test_it_learns_from_unlabeled_parts_and_serves(product: Product, champion: ModelVersion, receive: Receive) -> None:
    out = StringIO()
    call_command("fast_path", product.slug, "learn", stdout=out)

    state = json.loads(out.getvalue())
    learned = FastPath.objects.get()
    product.refresh_from_db()
    assert serving_fast_path(product, champion) == learned
    assert state["serving"] and state["fast_path"]["images"]["all"] == PARTS
    assert state["fast_path"]["certificate"]["leak_bound"] <= 0.35
    # Some of the held-out good parts lie below the line, and the same images give the same logits.
    answered = [receive(jpeg(seed=seed)).fast_path for seed in range(0, PARTS, 2)]
    assert learned in answered


def test_the_champion_scores_the_parts_that_it_has_not_scored(product: Product, champion: ModelVersion) -> None:
    assert Rescore.objects.count() == PARTS - UNSCORED
    learn(product)

    assert Rescore.objects.filter(version=champion).count() == PARTS
    learn(product)
    assert Rescore.objects.count() == PARTS
    assert FastPath.objects.count() == 2


def test_it_refuses_too_few_parts_and_says_how_many_are_missing(
    product: Product, make_version: MakeVersion, receive: Receive
) -> None:
    receive(jpeg(seed=1))
    make_version(product, champion=True)

    with pytest.raises(CommandError, match="more held-out parts that the full graph does not pass"):
        call_command("fast_path", product.slug, "learn")
    assert not FastPath.objects.exists()


def test_it_refuses_a_product_without_a_champion(product: Product) -> None:
    with pytest.raises(FastPathRefused, match="has no champion"):
        learn(product)


def test_the_switch_is_recorded_with_its_reason(product: Product) -> None:
    call_command("fast_path", product.slug, "on", leak=0.02, reason="a fast line", stdout=StringIO())

    change = PolicyChange.objects.first()
    assert change is not None
    assert change.after == {"fast_path_enabled": True, "fast_path_leak": 0.02}
    assert change.reason == "a fast line"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"leak": 0.02}, "Enter a reason"), ({"leak": 1.5, "reason": "all"}, "above 0 and below 1")],
)
def test_it_refuses_a_switch_without_reason_and_a_share_that_is_none(
    options: dict[str, Any], message: str, product: Product
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("fast_path", product.slug, "on", **options)
    assert not Product.objects.get().fast_path_enabled


def _negative(seed: int) -> bytes:
    """A part so unlike the others that the fast path tells it apart on any machine."""
    return encode(ImageOps.invert(drawn_part(seed).convert("RGB")), "JPEG", quality=90)
