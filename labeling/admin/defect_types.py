"""Defect types in the admin: named, keyed and coloured by the same steps as on their page, where they are merged."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from labeling.datasets import defect_type_service
from labeling.models import DefectType
from labeling.refusals import InvalidDefectType
from mltasks.admin.read_only import badge


@admin.register(DefectType)
class DefectTypeAdmin(ModelAdmin):
    """The words that reviewers have for defects, and their keys. A merged one is read only."""

    list_display = ("name", "product", "key", "status")
    list_filter = ("product", ("merged_into", admin.EmptyFieldListFilter))
    list_select_related = ("product", "merged_into")
    search_fields = ("name",)
    fields = ("product", "name", "key", "colour")

    @admin.display
    def status(self, defect_type: DefectType) -> SafeString:
        """Whether it is offered, or what it counts as."""
        return (
            badge(f"counts as {defect_type.merged_into}", "past")
            if defect_type.merged_into
            else badge("in use", "good")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: DefectType | None = None) -> tuple[str, ...]:
        """A type stays with its product."""
        return () if obj is None else ("product",)

    def has_change_permission(self, request: HttpRequest, obj: DefectType | None = None) -> bool:
        """A merged type stays as it is."""
        return (obj is None or obj.merged_into_id is None) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: DefectType | None = None) -> bool:
        """One that was never used may go, for those who may change types."""
        unused = obj is None or not (obj.labels.exists() or obj.merged.exists())
        return unused and bool(self.has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: DefectType, form: Any, change: bool) -> None:
        """By the step that the page takes, too."""
        said = {"name": obj.name, "key": obj.key, "colour": obj.colour}
        if change:
            defect_type_service.change_type(obj, **said)
        else:
            obj.pk = defect_type_service.add_type(obj.product, **said).pk

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Tell what was refused only under the lock."""
        try:
            found: HttpResponse = super().changeform_view(request, *args, **options)
            return found
        except InvalidDefectType as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())
