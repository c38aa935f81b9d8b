"""Queries of the busiest steps: the ORM builds each once a process, and then it is only run.

Building one takes the ORM up to twenty times as long as PostgreSQL takes to answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler


class Param(Expression):
    """The place of a value that is known when the query runs: ``filter(product=Given("product", BigIntegerField()))``.

    The SQL is the same for all values, so None finds nothing: ``= NULL`` is never true.
    """

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """A placeholder, and this name in the place of the value."""
        return "%s", (_Placeholder(self.name),)


class _Placeholder(str):
    """The name of a value that is still to come, among the query's other values."""

    __slots__ = ()


class PreparedQuery:
    """A query with ``Param`` places. One that locks rows is built, and runs, within a transaction."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build

    @cached_property
    def _sql(self) -> tuple[str, tuple[Any, ...]]:
        return self._build().query.sql_with_params()

    def bind(self, **params: object) -> tuple[str, list[Any]]:
        """SQL and its values, as for ``QuerySet.raw`` of the query's model. Raises KeyError for one not given."""
        sql, values = self._sql
        return sql, [params[value] if isinstance(value, _Placeholder) else value for value in values]

    def rows(self, **params: object) -> list[tuple[Any, ...]]:
        """What the query's ``values_list`` finds, as PostgreSQL returns it."""
        with connection.cursor() as cursor:
            cursor.execute(*self.bind(**params))
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def instance(self, model: type[Model], **params: object) -> Any:
        """The first that it finds, of this model; None when there is none."""
        return next(iter(model._default_manager.raw(*self.bind(**params))), None)
