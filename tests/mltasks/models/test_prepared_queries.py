"""A statement that is built once does as the ORM's own, for every value."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import BigIntegerField, CharField, DurationField
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError

from mltasks.models import RegisteredModel
from mltasks.models.prepared_queries import Param, PreparedInsert, PreparedQuery, PreparedUpdate

pytestmark = pytest.mark.django_db

NAME = Param("name", CharField())


@pytest.fixture
def models() -> list[RegisteredModel]:
    return [RegisteredModel.objects.create(name=name) for name in ("case", "name", "tile")]


def test_it_finds_what_the_value_asks_for(models: list[RegisteredModel]) -> None:
    keys = PreparedQuery(lambda: RegisteredModel.objects.filter(name=NAME).values_list("pk"))
    assert [keys.rows(name=model.name) for model in models] == [[(model.pk,)] for model in models]
    assert keys.rows(name="no such") == []


def test_it_is_built_once(models: list[RegisteredModel]) -> None:
    built = []
    query = PreparedQuery(lambda: built.append(1) or RegisteredModel.objects.filter(name=NAME).values_list("pk"))  # type: ignore[func-returns-value]
    for model in models:
        assert query.rows(name=model.name) == [(model.pk,)]
    assert built == [1]


def test_values_of_the_query_itself_stay(models: list[RegisteredModel]) -> None:
    """Also one that reads like the name of a value still to come."""
    query = PreparedQuery(lambda: RegisteredModel.objects.exclude(name="name").filter(name__gte=NAME).order_by("name"))
    assert query.bind(name="a")[1] == ["name", "a"]
    assert list(RegisteredModel.objects.raw(*query.bind(name="a"))) == [models[0], models[2]]


def test_an_instance_is_as_the_orm_reads_it(models: list[RegisteredModel]) -> None:
    query = PreparedQuery(lambda: RegisteredModel.objects.filter(pk=Param("key", BigIntegerField())))
    found = query.instance(RegisteredModel, key=models[1].pk)
    asked = RegisteredModel.objects.get(pk=models[1].pk)
    assert (found.pk, found.name, found.created_at) == (asked.pk, asked.name, asked.created_at)
    assert not found.get_deferred_fields()
    assert query.instance(RegisteredModel, key=0) is None


def test_none_finds_nothing_and_a_value_that_is_missing_is_an_error(models: list[RegisteredModel]) -> None:
    query = PreparedQuery(lambda: RegisteredModel.objects.filter(name=NAME).values_list("pk"))
    assert query.rows(name=None) == []
    with pytest.raises(KeyError, match="name"):
        query.rows()


def test_an_inserted_row_is_as_the_orm_writes_it_but_for_what_the_database_computes(
    models: list[RegisteredModel],
) -> None:
    insert = PreparedInsert(RegisteredModel, created_at=Now() + Param("later", DurationField()))
    sql, values = insert.bind(RegisteredModel(pk=models[-1].pk + 1, name="100 %"), later=timedelta(days=2))
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    made = RegisteredModel.objects.get(name="100 %")
    assert made.pk == models[-1].pk + 1
    assert timedelta(days=1) < made.created_at - models[0].created_at < timedelta(days=3)


def test_an_update_writes_the_named_fields_of_the_rows_that_its_query_finds(models: list[RegisteredModel]) -> None:
    rename = PreparedUpdate(lambda: RegisteredModel.objects.filter(pk=Param("key", BigIntegerField())), ["name"])
    for name, key in (("plate", models[0].pk), ("gone", 0)):
        sql, values = rename.bind({"name": name}, key=key)
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
    assert set(RegisteredModel.objects.values_list("name", flat=True)) == {"plate", "name", "tile"}
    with pytest.raises(KeyError, match="name"):
        rename.bind({}, key=1)


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_within_a_transaction_only() -> None:
    model = RegisteredModel.objects.create(name="case")

    def build() -> PreparedQuery:
        return PreparedQuery(lambda: RegisteredModel.objects.filter(name=NAME).select_for_update().values_list("pk"))

    with pytest.raises(TransactionManagementError):
        build().rows(name="case")
    with transaction.atomic():
        assert build().rows(name="case") == [(model.pk,)]
