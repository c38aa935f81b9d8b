"""Tests that commit leave an empty database behind, as by Django's flush, in a tenth of its time. A pytest plugin.

Flush empties every table and tells all apps that they migrated, so that they make content types, permissions and groups
anew. Here only tables with rows are emptied, and what migrations made stays, unless a test changed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import TransactionTestCase

MADE_BY_MIGRATIONS = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
Flush = Callable[[TransactionTestCase], None]


@pytest.fixture(scope="session", autouse=True)
def fast_flush() -> Iterator[None]:
    """Let tests that commit clean up by this module."""
    with pytest.MonkeyPatch.context() as patch:
        quick = _FastFlush(TransactionTestCase._fixture_teardown)  # type: ignore[attr-defined]
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: quick.flush(case))
        yield


class _FastFlush:
    """Flushes by ``slow`` at first, and where a test changed what migrations made."""

    def __init__(self, slow: Flush) -> None:
        self._django_flush = slow
        self._tables: list[str] = []
        self._made: list[tuple[str | None, ...]] = []

    def flush(self, case: TransactionTestCase) -> None:
        """Empty the database."""
        if self._made and _migration_rows() == self._made:
            _truncate(self._tables)
            return
        self._django_flush(case)
        every = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self._tables = sorted(set(every) - set(MADE_BY_MIGRATIONS))
        self._made = _migration_rows()


def _migration_rows() -> list[tuple[str | None, ...]]:
    """What is in these tables, told in few characters."""
    rows = "SELECT md5(string_agg(one::text, ',' ORDER BY id)) FROM {} AS one"
    return _rows(" UNION ALL ".join(rows.format(_quoted(name)) for name in MADE_BY_MIGRATIONS))


def _truncate(tables: list[str]) -> None:
    one = "(SELECT '{}' FROM {} LIMIT 1)"
    filled = " UNION ALL ".join(one.format(name, _quoted(name)) for name in tables)
    names = [str(name) for (name,) in _rows(filled)]
    if names:
        with connection.cursor() as cursor:
            # Cascading reaches tables that refer to these: empty ones, and none of those that stay.
            cursor.execute(f"TRUNCATE {', '.join(map(_quoted, names))} CASCADE")


def _rows(query: str) -> list[tuple[str | None, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
