"""Comparison of an inspections table partitioned by month with the whole table.

Measures inserts, queries and the removal of a month. Unique keys of a partitioned table must contain the month's
column. So `id` alone and a station's idempotency key are unique only within a month. No foreign key can refer to a
part by its id; in this bench nothing refers to either table.
"""

# ruff: noqa: S608 - only names of our own tables, no user input
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import DatabaseError, connection

from mltasks.vision.benchmarks.printing import print_line
from webapp.benchmarks.queue.filling import fill
from webapp.benchmarks.queue.timing import Timing

REPEATS = 200
# Indexes of the whole table; the unique ones get the month's column.
_INDEXES_SQL = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisunique
FROM pg_index WHERE indrelid = 'inspection_inspection'::regclass ORDER BY 1
"""
_MONTHS_SQL = (
    "SELECT to_char(m, 'YYYY_MM'), m, m + interval '1 month' FROM generate_series({first}, {last}, '1 month') m"
)
_FIRST_MONTH_SQL = "(SELECT date_trunc('month', min(received_at)) FROM inspection_inspection)"
# Parts are also inserted now, when a new month may have begun, or may begin while the bench runs.
_LAST_MONTH_SQL = "date_trunc('month', now() + interval '1 day')"
# Parts that retention keeps: all but unlabeled PASS parts.
_KEPT_SQL = "NOT (verdict IS NOT DISTINCT FROM 'PASS' AND state = 'decided' AND person_says IS NULL)"

QUERIES = {
    "the queue's first": "SELECT id FROM {table} WHERE product_id = 1 AND verdict = 'REVIEW' AND settled_at IS NULL "
    "ORDER BY coalesce(queue_time, received_at), id LIMIT 1",
    "history, newest 51": "SELECT * FROM {table} WHERE product_id = 1 ORDER BY received_at DESC, id DESC LIMIT 51",
    "history, FAIL, 300 days ago": "SELECT * FROM {table} WHERE product_id = 1 AND verdict = 'FAIL' "
    "AND received_at <= now() - interval '300 days' ORDER BY received_at DESC, id DESC LIMIT 51",
    "history, labeled and against": "SELECT * FROM {table} WHERE product_id = 1 AND (label = 'PASS' AND person_says = "
    "'FAIL' OR label = 'FAIL' AND person_says = 'PASS') ORDER BY received_at DESC, id DESC LIMIT 51",
    "one part by its id": "SELECT * FROM {table} WHERE id = "
    "(SELECT id FROM sample OFFSET floor(random() * 1000) LIMIT 1)",
    "parts of one image": "SELECT id FROM {table} WHERE image_sha256 = "
    "(SELECT image_sha256 FROM sample OFFSET floor(random() * 1000) LIMIT 1)",
    "waiting, counted": "SELECT count(*) FROM {table} "
    "WHERE product_id = 1 AND verdict = 'REVIEW' AND settled_at IS NULL",
}


def compare(inspections: int) -> None:
    """Fill one table, copy it into both variants, measure both and print."""
    call_command("migrate", verbosity=0)
    fill(inspections, max(2000, inspections // 20), 10, print_line)
    with connection.cursor() as cursor:
        _prepare(cursor)
        for table in ("whole", "parted"):
            with _printed_time(f"{table}: filled by one statement"):
                cursor.execute(f"INSERT INTO {table} SELECT * FROM inspection_inspection")
            cursor.execute(f"VACUUM ANALYZE {table}")
        for table in ("whole", "parted", "whole", "parted"):
            _insert_singly(cursor, table)
        for title, query in QUERIES.items():
            medians = [f"{table:>8}{_median_ms(cursor, query, table):8.2f} ms" for table in ("whole", "parted")]
            print_line(f"{title:<32}{''.join(medians)}")
        _try_constraints(cursor)
        _end_of_a_month(cursor)


def _prepare(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE sample AS SELECT id, image_sha256 FROM inspection_inspection ORDER BY random() LIMIT 1000"
    )
    cursor.execute("CREATE TABLE whole (LIKE inspection_inspection INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    cursor.execute(
        "CREATE TABLE parted (LIKE inspection_inspection INCLUDING DEFAULTS INCLUDING CONSTRAINTS) "
        "PARTITION BY RANGE (received_at)"
    )
    cursor.execute(_MONTHS_SQL.format(first=_FIRST_MONTH_SQL, last=_LAST_MONTH_SQL))
    months = cursor.fetchall()
    for name, first, end in months:
        cursor.execute(f"CREATE TABLE parted_{name} PARTITION OF parted FOR VALUES FROM (%s) TO (%s)", [first, end])
    cursor.execute(_INDEXES_SQL)
    for name, definition, unique in cursor.fetchall():
        for table in ("whole", "parted"):
            copy = definition.replace(name, f"{table}_{name}", 1).replace("public.inspection_inspection", table)
            if unique and table == "parted":
                copy = copy.replace(")", ", received_at)", 1)
            cursor.execute(copy)
    print_line(f"{len(months)} months")


def _insert_singly(cursor: Any, table: str) -> None:
    cursor.execute(
        "SELECT array_agg(id) FROM (SELECT id FROM inspection_inspection WHERE source = 'station' "
        "ORDER BY random() LIMIT 3000) drawn"
    )
    keys = cursor.fetchone()[0]
    cursor.execute(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = 'whole'::regclass "
        "AND attnum > 0 AND attname NOT IN ('id', 'received_at')"
    )
    names = cursor.fetchone()[0]
    cursor.execute(
        f"PREPARE one_{table} (uuid) AS INSERT INTO {table} (id, received_at, {names}) "
        f"SELECT gen_random_uuid(), now(), {names} FROM inspection_inspection WHERE id = $1"
    )
    begun = time.perf_counter()
    for key in keys:
        cursor.execute(f"EXECUTE one_{table} (%s)", [key])
    seconds = time.perf_counter() - begun
    cursor.execute(f"DEALLOCATE one_{table}")
    print_line(f"{table}: {len(keys) / seconds:,.0f} rows/s one by one, each committed and synced")


def _median_ms(cursor: Any, query: str, table: str) -> float:
    timing = Timing(table)
    for _ in range(REPEATS):
        timing.time(lambda: cursor.execute(query.format(table=table)).fetchall())
    return timing.percentile(50)


def _try_constraints(cursor: Any) -> None:
    """Print which constraints PostgreSQL accepts on the partitioned table."""
    for statement in (
        "ALTER TABLE parted ADD PRIMARY KEY (id)",
        "CREATE UNIQUE INDEX ON parted (station_id, idempotency_key) WHERE idempotency_key <> ''",
        "CREATE TABLE hangs_on (part uuid REFERENCES parted (id))",
    ):
        try:
            cursor.execute(statement)
            print_line(f"accepted: {statement}")
        except DatabaseError as error:
            print_line(f"refused: {statement}\n    {str(error).splitlines()[0]}")


def _end_of_a_month(cursor: Any) -> None:
    """Remove the second month's parts, except the parts that retention keeps."""
    cursor.execute(f"SELECT {_FIRST_MONTH_SQL} + interval '1 month', {_FIRST_MONTH_SQL} + interval '2 months'")
    first, end = cursor.fetchone()
    within = "received_at >= %s AND received_at < %s"
    cursor.execute(f"SELECT count(*), count(*) FILTER (WHERE {_KEPT_SQL}) FROM whole WHERE {within}", [first, end])
    print_line("the month has {:,} parts, of which {:,} stay".format(*cursor.fetchone()))
    with _printed_time("whole: DELETE"):
        cursor.execute(f"DELETE FROM whole WHERE {within} AND NOT ({_KEPT_SQL})", [first, end])
    with _printed_time("whole: VACUUM"):
        cursor.execute("VACUUM whole")
    name = f"parted_{first:%Y_%m}"
    with _printed_time("parted: kept parts copied, the month dropped, copied back (all of it locked)"):
        for statement in (
            "BEGIN",
            f"CREATE TABLE moved AS SELECT * FROM {name} WHERE {_KEPT_SQL}",
            f"ALTER TABLE parted DETACH PARTITION {name}",
            f"DROP TABLE {name}",
            f"CREATE TABLE {name} PARTITION OF parted FOR VALUES FROM ('{first}') TO ('{end}')",
            f"INSERT INTO {name} SELECT * FROM moved",
            "DROP TABLE moved",
            "COMMIT",
        ):
            cursor.execute(statement)
    counts = f"SELECT (SELECT count(*) FROM whole WHERE {within}), (SELECT count(*) FROM parted WHERE {within})"
    cursor.execute(counts, [first, end, first, end])
    print_line("left of the month: whole {:,}, parted {:,}".format(*cursor.fetchone()))


@contextmanager
def _printed_time(text: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print_line(f"{text}: {time.monotonic() - begun:.2f} s")
