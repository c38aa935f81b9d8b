"""Read-only list of cost and policy changes in the admin: who changed what, when and why."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inspection.models import PolicyChange
from inspection.promotion.audit_log import value_changes
from mltasks.admin.read_only import ReadOnlyAdmin


@admin.register(PolicyChange)
class PolicyChangeAdmin(ReadOnlyAdmin):
    """Policy changes, newest first."""

    list_display = ("created_at", "product", "person", "change_summary", "reason")
    list_filter = ("product",)
    fields = ("product", "person", "changed_values", "reason", "created_at")
    readonly_fields = ("person", "changed_values")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyChange]:
        """Load the changes with their products and users."""
        changes: QuerySet[PolicyChange] = super().get_queryset(request)
        return changes.select_related("product", "by")

    @admin.display(description=_("by"), ordering="by")
    def person(self, change: PolicyChange) -> str:
        """Return the user that made the change, or that a command did."""
        return str(change.by or gettext("a command"))

    @admin.display(description=_("change"))
    def change_summary(self, change: PolicyChange) -> str:
        """Return the changed values; for a new product, a note that these are its first values."""
        return self.changed_values(change) if change.before else gettext("initial values")

    @admin.display(description=_("change"))
    def changed_values(self, change: PolicyChange) -> str:
        """Return each changed value before and after the change."""
        changes = value_changes(change)
        return "; ".join(f"{title}: {f'{was} → {value}' if was else value}" for title, was, value in changes)
