"""Statements that the ORM builds once a process: building takes up to 20 times their run time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import InsertQuery, UpdateQuery
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


def _bind(values: Iterable[Any], params: Mapping[str, object]) -> list[Any]:
    return [params[value] if isinstance(value, _Placeholder) else value for value in values]


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
        return sql, _bind(values, params)

    def rows(self, **params: object) -> list[tuple[Any, ...]]:
        """Return the rows of the query's ``values_list``, as PostgreSQL returns them."""
        with connection.cursor() as cursor:
            cursor.execute(*self.bind(**params))
            return list(cursor.fetchall())

    def instance(self, model: type[Model], **params: object) -> Any:
        """Return the first row as an instance of ``model``; None if there is no row."""
        return next(iter(model._default_manager.raw(*self.bind(**params))), None)


class PreparedInsert:
    """Insert of one row. The database computes the columns of ``expressions``; columns without a value stay NULL."""

    def __init__(self, model: type[Model], **expressions: Expression) -> None:
        self._model, self._expressions = model, expressions
        self._compiled: dict[tuple[str, ...], tuple[str, tuple[Any, ...]]] = {}

    def bind(self, row: Model, **params: object) -> tuple[str, list[Any]]:
        """Return SQL and values of a new row, whose key is set; ``params`` are those of the expressions."""
        own: dict[str, object] = {}
        for field in self._model._meta.concrete_fields:
            if field.name not in self._expressions:
                value = field.pre_save(row, add=True)
                if value is not None or field.has_db_default():
                    own[field.attname] = field.get_db_prep_save(value, connection)
        # psycopg keeps the parsed form of statements with at most 50 values. Rows have values in few sets of columns.
        names = tuple(own)
        if names not in self._compiled:
            self._compiled[names] = self._compile(names)
        sql, values = self._compiled[names]
        return sql, _bind(values, own | params)

    def _compile(self, names: Collection[str]) -> tuple[str, tuple[Any, ...]]:
        compiler = InsertQuery(self._model).get_compiler(DEFAULT_DB_ALIAS)
        columns, places, values = [], [], list[Any]()
        for field in self._model._meta.concrete_fields:
            if field.attname not in names and field.name not in self._expressions:
                continue
            expression = self._expressions.get(field.name, Param(field.attname, field))
            sql, own = compiler.compile(expression.resolve_expression(compiler.query, allow_joins=False, for_save=True))
            columns.append(f'"{field.column}"')
            # Arrays are sent as text and cast.
            cast = getattr(field, "get_placeholder", None)
            places.append(cast(None, compiler, connection) % sql if cast else sql)
            values += own
        table = self._model._meta.db_table
        sql = f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({", ".join(places)})'  # noqa: S608 (only names)
        return sql, tuple(values)


class PreparedUpdate:
    """Update of the fields ``names`` in the rows of a query that may have ``Param`` parameters."""

    def __init__(
        self, build: Callable[[], QuerySet[Any, Any]], names: Iterable[str], **expressions: Expression
    ) -> None:
        self._build, self._names, self._expressions = build, tuple(names), expressions

    @cached_property
    def _compiled(self) -> tuple[str, tuple[Any, ...], dict[str, Field[Any, Any]]]:
        rows = self._build()
        fields = {name: rows.model._meta.get_field(name) for name in self._names}
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values({name: Param(name, field) for name, field in fields.items()} | self._expressions)
        sql, values = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        return sql, tuple(values), fields

    def bind(self, values: Mapping[str, Any], **params: object) -> tuple[str, list[Any]]:
        """Return SQL and values; ``values`` are those of the fields, ``params`` those of the query.

        Raises KeyError for a missing value.
        """
        sql, places, fields = self._compiled
        prepared = {name: field.get_db_prep_save(values[name], connection) for name, field in fields.items()}
        return sql, _bind(places, prepared | params)
