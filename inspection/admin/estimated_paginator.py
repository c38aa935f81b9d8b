"""Paginator of large tables without exact counts: an exact count reads every row."""

from __future__ import annotations

from typing import Any, cast

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.utils.functional import cached_property

MAX_EXACT_COUNT = 10_000


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]  # no subscripts at run time
    """Paginator with an exact count up to MAX_EXACT_COUNT rows.

    Longer unfiltered lists use PostgreSQL's own row estimate.
    """

    @cached_property
    def count(self) -> int:
        """Return the exact count up to the limit; above, an estimate, or the limit if filtered."""
        rows = cast("QuerySet[Any]", self.object_list)
        counted = rows.order_by()[: MAX_EXACT_COUNT + 1].count()
        if counted <= MAX_EXACT_COUNT:
            return counted
        # A narrower filter reaches the rows past MAX_EXACT_COUNT of a filtered list.
        return (
            MAX_EXACT_COUNT if rows.query.where else max(MAX_EXACT_COUNT, _estimated_count(rows.model._meta.db_table))
        )


def _estimated_count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        return int(cursor.fetchone()[0])
