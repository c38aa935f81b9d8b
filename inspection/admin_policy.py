"""The record of costs and policies in the admin: who changed what, when and why. Nobody changes it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inspection.models import PolicyChange, Product
from mltasks.read_only import ReadOnlyAdmin


@admin.register(PolicyChange)
class PolicyChangeAdmin(ReadOnlyAdmin):
    """Changes, newest first."""

    list_display = ("created_at", "product", "person", "short", "reason")
    list_filter = ("product",)
    fields = ("product", "person", "what", "reason", "created_at")
    readonly_fields = ("person", "what")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyChange]:
        """With product and person."""
        found: QuerySet[PolicyChange] = super().get_queryset(request)
        return found.select_related("product", "by")

    @admin.display(description=_("by"), ordering="by")
    def person(self, change: PolicyChange) -> str:
        """Whoever changed it."""
        return str(change.by or gettext("a command"))

    @admin.display(description=_("change"))
    def short(self, change: PolicyChange) -> str:
        """What changed; of a new product that it began."""
        return self.what(change) if change.before else gettext("its first values")

    @admin.display(description=_("change"))
    def what(self, change: PolicyChange) -> str:
        """Each value as it was and as it became."""
        titles = {field.name: str(field.verbose_name) for field in Product._meta.fields}
        return "; ".join(
            f"{titles.get(name, name)}: {_said(change, name, value)}" for name, value in sorted(change.after.items())
        )


def _said(change: PolicyChange, name: str, became: Any) -> str:
    return f"{_value(change.before[name])} → {_value(became)}" if name in change.before else _value(became)


def _value(value: Any) -> str:
    return gettext("none") if value is None else str(value)
