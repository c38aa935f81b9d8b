"""Sizes of tables and indexes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

_TABLES = """
SELECT c.relname, pg_relation_size(c.oid), pg_indexes_size(c.oid), pg_total_relation_size(c.oid), c.reltuples::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND pg_total_relation_size(c.oid) > 1000000
ORDER BY 4 DESC
"""
_INDEXES = """
SELECT i.relname, pg_relation_size(i.oid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = 'inspection_inspection'::regclass ORDER BY 2 DESC
"""


@dataclass(frozen=True)
class TableSize:
    """Row count of a table, and bytes of the table, of its indexes and in total with TOAST."""

    name: str
    table_bytes: int
    index_bytes: int
    total_bytes: int
    row_count: int


def table_sizes() -> list[TableSize]:
    """Return the tables of more than a megabyte, the largest first."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return [TableSize(*row) for row in cursor.fetchall()]


def index_sizes() -> list[tuple[str, int]]:
    """Return the indexes of the inspections with their bytes."""
    with connection.cursor() as cursor:
        cursor.execute(_INDEXES)
        return [(str(name), int(size)) for name, size in cursor.fetchall()]
