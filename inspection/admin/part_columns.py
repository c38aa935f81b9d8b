"""Columns of admin lists whose rows belong to a part, and their paginator."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inspection.models import Inspection
from mltasks.admin.read_only import ReadOnlyAdmin

MAX_EXACT_COUNT = 10_000


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]  # no subscripts at run time
    """Paginator with an exact count up to MAX_EXACT_COUNT rows, because an exact count reads every row.

    Longer unfiltered lists use PostgreSQL's own row estimate.
    """

    @cached_property
    def count(self) -> int:
        """Return the exact count up to the limit; above, an estimate, or the limit if filtered."""
        rows = cast("QuerySet[Any]", self.object_list)
        counted = rows.order_by()[: MAX_EXACT_COUNT + 1].count()
        if counted <= MAX_EXACT_COUNT:
            return counted
        if rows.query.where:  # a narrower filter reaches the rows past MAX_EXACT_COUNT
            return MAX_EXACT_COUNT
        with connection.cursor() as cursor:
            table = rows.model._meta.db_table
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
            return max(MAX_EXACT_COUNT, int(cursor.fetchone()[0]))


class PartColumns(ReadOnlyAdmin):
    """Read-only list whose rows each name a part, with the estimated count of the parts' table."""

    paginator = EstimatedPaginator
    show_facets = admin.ShowFacets.NEVER

    def part_of(self, row: Any) -> Inspection:
        """Return the part of a row."""
        part: Inspection = row.inspection
        return part

    @admin.display(description="")
    def thumbnail(self, row: Any) -> SafeString:
        """Return the thumbnail of the part."""
        part = self.part_of(row)
        address = reverse("inspection-thumbnail", args=[part.pk])
        return format_html('<img class="list-picture" src="{}" loading="lazy" alt="{}">', address, part)

    @admin.display
    def part(self, row: Any) -> str:
        """Return the part id of the part, else its file name or its key."""
        return str(self.part_of(row))
