"""Admin pages of registered models, snapshots and promotions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from unfold.admin import TabularInline

from mltasks.admin.read_only import ReadOnlyAdmin, ReadOnlyPermissions
from mltasks.models import DatasetSnapshot, Promotion, RegisteredModel, SnapshotItem
from mltasks.registry import registry


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ReadOnlyAdmin):
    """List of registered models, one per product."""

    list_display = ("name", "champion", "versions", "last_run", "created_at")
    search_fields = ("name",)
    fields = list_display
    change_form_outer_before_template = "admin/mltasks/model.html"

    @admin.display
    def champion(self, model: RegisteredModel) -> str:
        """Return the version that scores now."""
        return str(registry.champion(model) or gettext("none yet"))

    @admin.display
    def versions(self, model: RegisteredModel) -> int:
        """Return the number of versions."""
        return model.versions.count()

    @admin.display
    def last_run(self, model: RegisteredModel) -> str:
        """Return the newest run and its state."""
        run = model.runs.defer("log", "epochs").first()
        return f"{run}: {run.get_state_display()}" if run else gettext("none yet")


class SnapshotItemInline(ReadOnlyPermissions, TabularInline):
    """Images of a snapshot, with pagination."""

    model = SnapshotItem
    fields = ("title", "target", "defect_type", "group", "split", "roi", "image_sha256")
    per_page = 50
    ordering = ("id",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the user may see snapshots."""
        return request.user.has_perm("mltasks.view_datasetsnapshot")


@admin.register(DatasetSnapshot)
class DatasetSnapshotAdmin(ReadOnlyAdmin):
    """List of dataset snapshots."""

    list_display = ("__str__", "good", "defective", "sha256", "created_at")
    list_filter = ("model",)
    list_select_related = ("model",)
    fields = ("model", "number", "good", "defective", "sha256", "created_at")
    inlines = (SnapshotItemInline,)


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    """List of promotions with user, reason and time."""

    list_display = ("version", "previous", "kind", "by", "reason", "override", "created_at")
    list_filter = ("model", "kind", "by")
    list_select_related = ("version__model", "previous__model", "by")
    date_hierarchy = "created_at"
