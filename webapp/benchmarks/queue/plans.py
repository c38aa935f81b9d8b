"""Query plans of a step: detection of sequential scans of the inspections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from inspection.models import Inspection

TABLE = Inspection._meta.db_table


def sequential_scans(step: Callable[[], object]) -> list[str]:
    """Run the step and return its queries that scan the inspections sequentially."""
    with CaptureQueriesContext(connection) as queries:
        step()
    about = [query["sql"] for query in queries.captured_queries if TABLE in query["sql"]]
    return [sql for sql in about if sql.startswith(("SELECT", "UPDATE")) and any(_is_sequential_scan(_plan(sql)))]


def _plan(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}".replace("%", "%%"), [])
        explained = cursor.fetchone()[0]
    plan: dict[str, Any] = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
    return plan


def _is_sequential_scan(plan: dict[str, Any]) -> Iterator[bool]:
    yield plan["Node Type"] == "Seq Scan" and plan["Relation Name"] == TABLE
    for below in plan.get("Plans", []):
        yield from _is_sequential_scan(below)
