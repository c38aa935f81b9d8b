"""create_product, create_station, and what they refuse."""

from __future__ import annotations

import io
import math

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from inspection.api.authentication import KEY_PATTERN
from inspection.models import Product, Station, StationKey
from inspection.products.products import create_product
from inspection.products.stations import create_station, issue_key, revoke_key
from mltasks.models import RegisteredModel
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from tests.inspection.conftest import Sender

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_it_makes_a_product_with_its_model_and_costs() -> None:
    run("create_product", "magnetic-tile", "--fn-cost", "7", "--fp-cost", "2")
    made = Product.objects.get()
    assert (made.slug, made.name, made.registered_model.name) == ("magnetic-tile", "Magnetic tile", "magnetic-tile")
    assert (made.costs.fn, made.costs.fp, made.costs.review) == (7, 2, 0.2)


def test_it_takes_the_lines_share_of_defects_and_the_promise() -> None:
    run("create_product", "plate")
    run("create_product", "tile", "--defect-rate", "0.02", "--escape-promise", "0.01")
    plate, tile = Product.objects.order_by("slug")
    assert (plate.defect_rate, plate.escape_guarantee) == (None, EscapeRateGuarantee(0.05, 0.95))
    assert (tile.defect_rate, tile.escape_guarantee) == (0.02, EscapeRateGuarantee(0.01, 0.95))


def test_it_takes_the_order_of_the_review_queue() -> None:
    run("create_product", "plate")
    run("create_product", "tile", "--pick-strategy", "diversity")
    plate, tile = Product.objects.order_by("slug")
    assert (plate.pick_strategy, tile.pick_strategy) == ("expected_cost", "diversity")


def test_it_takes_the_speed() -> None:
    run("create_product", "plate")
    run("create_product", "tile", "--speed", "thorough")
    plate, tile = Product.objects.order_by("slug")
    assert (plate.training_settings, tile.training_settings) == ({}, {"speed": "thorough"})
    assert (plate.train_config().backbone_scale, tile.train_config().backbone_scale) == (0.5, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no slug!"],
        ["a", "--fn-cost", "0"],
        ["a", "--fp-cost", "nan"],
        ["x" * 81],
        ["a", "--speed", "quick"],
        ["a", "--defect-rate", "0"],
        ["a", "--defect-rate", "1"],
        ["a", "--defect-rate", "nan"],
        ["a", "--escape-promise", "0"],
        ["a", "--escape-promise", "1.1"],
        ["a", "--pick-strategy", "margin"],
        ["a", "--deadline-ms", "0"],
        ["a", "--deadline-ms", "60001"],
    ],
)
def test_it_refuses_a_product_that_can_not_be(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("create_product", *arguments)
    assert not RegisteredModel.objects.exists()


@pytest.mark.parametrize(
    "values",
    [{"defect_rate": 0}, {"defect_rate": 1}, {"escape_promise": 0}, {"escape_promise": 2}, {"escape_confidence": 1}],
)
def test_the_database_refuses_shares_that_are_none(values: dict[str, float], product: Product) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.update(**values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.update(**dict.fromkeys(values, math.nan))


def test_it_refuses_a_product_that_is_there(product: Product) -> None:
    with pytest.raises(CommandError, match="already"):
        run("create_product", product.slug)


def test_it_refuses_a_product_whose_model_is_there() -> None:
    RegisteredModel.objects.create(name="orphan")
    with pytest.raises(ValidationError, match="already"):
        create_product("orphan")
    assert not Product.objects.exists()


@pytest.mark.parametrize("cost", [math.nan, math.inf, -1.0])
def test_it_refuses_costs_that_are_none(cost: float) -> None:
    with pytest.raises(ValidationError):
        create_product("plate", fn_cost=cost)


def test_it_makes_a_station_and_prints_its_key_alone(product: Product) -> None:
    printed = run("create_station", product.slug, "line-9", "--roi", "10,20,300,400")
    assert KEY_PATTERN.fullmatch(printed.removesuffix("\n"))
    station = Station.objects.get()
    assert (station.name, station.roi) == ("line-9", "10,20,300,400")
    assert Sender(station, printed.strip()).send().status_code in {201, 400}


def test_a_station_may_be_urgent(product: Product) -> None:
    run("create_station", product.slug, "line-9", "--urgent")
    run("create_station", product.slug, "line-10")
    assert dict(Station.objects.values_list("name", "urgent")) == {"line-9": True, "line-10": False}


def test_products_and_stations_have_a_deadline() -> None:
    run("create_product", "plate", "--deadline-ms", "500")
    run("create_station", "plate", "line-9", "--deadline-ms", "200")
    run("create_station", "plate", "line-10")
    assert Product.objects.get().deadline_ms == 500
    assert dict(Station.objects.values_list("name", "deadline_ms")) == {"line-9": 200, "line-10": None}


def test_only_the_hash_of_a_key_is_kept(product: Product) -> None:
    _, key = create_station(product, "line-1")
    row = StationKey.objects.get()
    secret = key.partition(".")[2]
    assert secret not in f"{row.id}{row.prefix}{row.hashed_key}{row.name}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such", "line-1"], "create_product"),
        (["phone-case", "no slug!"], "slug"),
        (["phone-case", "a", "--roi", "1,2,3"], "four integers"),
        (["phone-case", "a", "--roi", "0,0,0,5"], "above 0"),
        (["phone-case", "a", "--deadline-ms", "0"], "greater than or equal to 1"),
        (["phone-case", "line-1"], "already"),
    ],
)
def test_it_refuses_a_station_that_can_not_be(arguments: list[str], words: str, sender: Sender) -> None:
    with pytest.raises(CommandError, match=words):
        run("create_station", *arguments)
    assert Station.objects.count() == 1


def test_keys_change_over_without_a_gap(sender: Sender) -> None:
    old, fresh = StationKey.objects.get(), issue_key(sender.station)
    assert sender.send().status_code == 201
    revoke_key(old)
    assert sender.send().status_code == 401
    assert Sender(sender.station, fresh).send().status_code == 201
