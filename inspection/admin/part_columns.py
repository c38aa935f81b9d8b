"""Columns of admin lists whose rows belong to a part."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inspection.admin.estimated_paginator import EstimatedPaginator
from inspection.models import Inspection
from mltasks.admin.read_only import ReadOnlyAdmin


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
