"""Queries that the ORM builds once a process: building takes up to 20 times their run time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler


class Param(Expression):
    """Parameter of a prepared query: ``filter(product=Param("product", BigIntegerField()))``.

    The SQL is the same for all values, so None matches no row: ``= NULL`` is never true.
    """

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Return a placeholder, with the parameter's name in place of the value."""
        return "%s", (_Placeholder(self.name),)


class _Placeholder(str):
    """Name of a parameter among the query's values."""

    __slots__ = ()


class PreparedQuery:
    """Query with ``Param`` parameters. A query that locks rows needs a transaction."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build

    @cached_property
    def _sql(self) -> tuple[str, tuple[Any, ...]]:
        return self._build().query.sql_with_params()

    def bind(self, **params: object) -> tuple[str, list[Any]]:
        """Return SQL and values, as for ``QuerySet.raw``. Raises KeyError for a missing parameter."""
        sql, values = self._sql
        return sql, [params[value] if isinstance(value, _Placeholder) else value for value in values]

    def rows(self, **params: object) -> list[tuple[Any, ...]]:
        """Return the rows of the query's ``values_list``, as PostgreSQL returns them."""
        with connection.cursor() as cursor:
            cursor.execute(*self.bind(**params))
            return list(cursor.fetchall())

    def instance(self, model: type[Model], **params: object) -> Any:
        """Return the first row as an instance of ``model``; None if there is no row."""
        return next(iter(model._default_manager.raw(*self.bind(**params))), None)
