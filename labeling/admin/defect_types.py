"""Admin pages of defect types. Merges are made on the defect type's own page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from labeling.datasets import defect_type_service
from labeling.models import DefectType
from labeling.refusals import InvalidDefectType
from mltasks.admin.read_only import badge


@admin.register(DefectType)
class DefectTypeAdmin(ModelAdmin):
    """Defect types with their keys and colors; a merged type is read-only."""

    list_display = ("name", "product", "key", "status")
    list_filter = ("product", ("merged_into", admin.EmptyFieldListFilter))
    list_select_related = ("product", "merged_into")
    search_fields = ("name",)
    fields = ("product", "name", "key", "colour")

    @admin.display
    def status(self, defect_type: DefectType) -> SafeString:
        """Return a badge: in use, or the type that this one counts as."""
        return (
            badge(_("merged into {type}").format(type=defect_type.merged_into), "past")
            if defect_type.merged_into
            else badge(_("in use"), "good")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: DefectType | None = None) -> tuple[str, ...]:
        """Return the product as read-only once the type exists."""
        return () if obj is None else ("product",)

    def has_change_permission(self, request: HttpRequest, obj: DefectType | None = None) -> bool:
        """Return False for a merged type."""
        return (obj is None or obj.merged_into_id is None) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: DefectType | None = None) -> bool:
        """Return True if the type was never used and the user may change types."""
        unused = obj is None or not (obj.labels.exists() or obj.merged.exists())
        return unused and bool(self.has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: DefectType, form: Any, change: bool) -> None:
        """Save by the same service functions as the defect type's page."""
        fields = {"name": obj.name, "key": obj.key, "colour": obj.colour}
        if change:
            defect_type_service.change_type(obj, **fields)
        else:
            obj.pk = defect_type_service.add_type(obj.product, **fields).pk

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Show a refusal that is raised only under the product's lock as a message."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **options)
            return response
        except InvalidDefectType as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())
