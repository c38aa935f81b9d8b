"""A query that is built once answers as the ORM's own does, for every value."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.db.models import BigIntegerField, CharField
from django.db.transaction import TransactionManagementError

from inspection.models import Product
from labeling.queue.prepared_queries import Param, PreparedQuery
from tests.labeling.conftest import make_product

pytestmark = pytest.mark.django_db

SLUG = Param("slug", CharField())


@pytest.fixture
def products() -> list[Product]:
    return [make_product(slug) for slug in ("case", "slug", "tile")]


def test_it_finds_what_the_value_asks_for(products: list[Product]) -> None:
    names = PreparedQuery(lambda: Product.objects.filter(slug=SLUG).values_list("name"))
    assert [names.rows(slug=product.slug) for product in products] == [[("Case",)], [("Slug",)], [("Tile",)]]
    assert names.rows(slug="no such") == []


def test_it_is_built_once(products: list[Product]) -> None:
    built = []
    query = PreparedQuery(lambda: built.append(1) or Product.objects.filter(slug=SLUG).values_list("pk"))  # type: ignore[func-returns-value]
    for product in products:
        assert query.rows(slug=product.slug) == [(product.pk,)]
    assert built == [1]


def test_values_of_the_query_itself_stay(products: list[Product]) -> None:
    """Also one that reads like the name of a value still to come."""
    query = PreparedQuery(lambda: Product.objects.exclude(slug="slug").filter(slug__gte=SLUG).order_by("slug"))
    assert query.bind(slug="a")[1] == ["slug", "a"]
    assert list(Product.objects.raw(*query.bind(slug="a"))) == [products[0], products[2]]


def test_an_instance_is_as_the_orm_reads_it(products: list[Product]) -> None:
    query = PreparedQuery(lambda: Product.objects.filter(pk=Param("key", BigIntegerField())))
    found = query.instance(Product, key=products[1].pk)
    asked = Product.objects.get(pk=products[1].pk)
    assert {f.attname: getattr(found, f.attname) for f in Product._meta.concrete_fields} == {
        f.attname: getattr(asked, f.attname) for f in Product._meta.concrete_fields
    }
    assert not found.get_deferred_fields()
    assert query.instance(Product, key=0) is None


def test_none_finds_nothing_and_a_value_that_is_missing_is_an_error(products: list[Product]) -> None:
    query = PreparedQuery(lambda: Product.objects.filter(slug=SLUG).values_list("pk"))
    assert query.rows(slug=None) == []
    with pytest.raises(KeyError, match="slug"):
        query.rows()


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_within_a_transaction_only() -> None:
    product = make_product("case")

    def build() -> PreparedQuery:
        return PreparedQuery(lambda: Product.objects.filter(slug=SLUG).select_for_update().values_list("pk"))

    with pytest.raises(TransactionManagementError):
        build().rows(slug="case")
    with transaction.atomic():
        assert build().rows(slug="case") == [(product.pk,)]
