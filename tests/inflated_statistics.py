"""Tables that PostgreSQL plans for as if they held many times their rows, for tests of plans."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.db import connection

BLOCK = 8192
# A relation's file is one segment up to this size.
SEGMENT = 1 << 30


def inflate_statistics(tables: list[str], factor: int) -> None:
    """Multiply the size and the row count that the planner sees of these tables and of their indexes.

    The planner takes the size from the relation's file and the rows per page from `pg_class`. The file grows by empty
    pages that take no room on the disk. Run VACUUM ANALYZE before: column statistics stay those of the real rows.
    The server must be on this machine. TRUNCATE gives the tables new files.
    """
    for relation in _relations(tables):
        pages, tuples, visible = (relation[name] * factor for name in ("relpages", "reltuples", "relallvisible"))
        size = pages * BLOCK
        if size > SEGMENT:
            raise ValueError(f"{relation['relname']} would take {size} bytes, more than one file holds.")
        os.truncate(_data_folder() / relation["path"], size)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', %s, 'relpages', %s::integer,"
                " 'reltuples', %s::real, 'relallvisible', %s::integer)",
                [relation["relname"], pages, tuples, visible],
            )


def _relations(tables: list[str]) -> list[dict[str, Any]]:
    """Return name, file and statistics of the tables that have rows, and of their indexes."""
    columns = ("relname", "path", "relpages", "reltuples", "relallvisible")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_filepath(oid), relpages, reltuples, relallvisible FROM pg_class WHERE"
            " (oid = ANY(%s::regclass[])"
            " OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY(%s::regclass[]))) AND reltuples > 0",
            [tables, tables],
        )
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _data_folder() -> Path:
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        return Path(cursor.fetchone()[0])
