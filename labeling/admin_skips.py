"""Parts that reviewers would not judge, in the admin: read there, never edited."""

from __future__ import annotations

from django.contrib import admin

from inspection.admin.estimated_paginator import EstimatedPaginator
from inspection.models import Inspection
from labeling.models import Skip
from mltasks.admin.read_only import ReadOnlyAdmin


@admin.register(Skip)
class SkipAdmin(ReadOnlyAdmin):
    """Who skipped which part, and why."""

    list_display = ("part", "reason", "reviewer", "comment", "created_at")
    list_filter = ("reason", "inspection__product", "reviewer")
    list_select_related = ("inspection", "reviewer")
    paginator = EstimatedPaginator
    show_facets = admin.ShowFacets.NEVER
    fields = ("inspection", "reason", "reviewer", "comment", "created_at")
    readonly_fields = ("created_at",)

    @admin.display
    def part(self, skip: Skip) -> Inspection:
        """The part."""
        return skip.inspection
