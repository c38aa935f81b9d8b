"""Costs and policy change on the record: the database writes it, whoever changes them, and keeps it as it is."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, connection, transaction

from inspection.models import PolicyChange, Product
from inspection.models.policy_changes import RECORDED_FIELDS, policy_change_context
from inspection.products import products


@pytest.fixture
def manager(db: None) -> User:
    return User.objects.create_user("meike")


def newest_change() -> PolicyChange:
    """The newest change."""
    found = PolicyChange.objects.first()
    assert found is not None
    return found


def test_a_new_product_begins_its_record(product: Product) -> None:
    first = newest_change()

    assert (first.product, first.by, first.before) == (product, None, {})
    assert set(first.after) == set(RECORDED_FIELDS)
    assert (first.after["fn_cost"], first.after["training_settings"]) == (5, {})


def test_a_change_says_who_why_and_what(product: Product, manager: User) -> None:
    product.fn_cost, product.defect_rate, product.name = 8, 0.02, "Case"
    products.change(product, by=manager, reason=" A customer found three. ")

    change = newest_change()
    assert (change.by, change.reason) == (manager, "A customer found three.")
    assert change.before == {"fn_cost": 5, "defect_rate": None}
    assert change.after == {"fn_cost": 8, "defect_rate": 0.02}


def test_without_a_reason_nothing_changes(product: Product, manager: User) -> None:
    product.review_cost = 0.4
    with pytest.raises(ValidationError, match="why costs or policy change"):
        products.change(product, by=manager, reason="  ")

    product.refresh_from_db()
    assert product.review_cost == 0.2 and PolicyChange.objects.count() == 1


def test_what_is_no_policy_needs_no_reason_and_leaves_no_record(product: Product) -> None:
    product.name = "Phone case, black"
    products.change(product, by=None, reason="")

    assert Product.objects.get().name == "Phone case, black" and PolicyChange.objects.count() == 1


def test_a_query_that_goes_round_everything_is_recorded_too(product: Product) -> None:
    Product.objects.update(escape_promise=0.5)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inspection_product SET fp_cost = 3")

    assert [(one.by, one.reason, one.before, one.after) for one in PolicyChange.objects.all()[:2]] == [
        (None, "", {"fp_cost": 1}, {"fp_cost": 3}),
        (None, "", {"escape_promise": 0.05}, {"escape_promise": 0.5}),
    ]


def test_a_signature_ends_with_its_change(product: Product, manager: User) -> None:
    with transaction.atomic():
        product.fn_cost = 6
        products.change(product, by=manager, reason="Mine.")
        Product.objects.update(fn_cost=7)
        with pytest.raises(ZeroDivisionError), policy_change_context(manager, "Never."):
            raise ZeroDivisionError
        Product.objects.update(fn_cost=8)

    assert [(one.by, one.reason) for one in PolicyChange.objects.all()[:3]] == [
        (None, ""),
        (None, ""),
        (manager, "Mine."),
    ]


def test_a_change_that_fails_leaves_no_record(product: Product, manager: User) -> None:
    with pytest.raises(ZeroDivisionError), policy_change_context(manager, "Never."):
        Product.objects.update(fn_cost=7)
        raise ZeroDivisionError

    assert PolicyChange.objects.count() == 1


@pytest.mark.parametrize(
    "change", ["UPDATE inspection_policychange SET reason = 'x'", "DELETE FROM inspection_policychange"]
)
def test_the_record_can_not_be_rewritten(product: Product, change: str) -> None:
    with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
