"""Defect types are edited here; claims can be released; labels have a file of their own."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action

from inspection.estimated_count import EstimatedPaginator
from labeling import queue
from labeling.admin_labels import LabelAdmin, LabelUndoAdmin, ReviewAdmin
from labeling.admin_rechecks import RecheckAdmin
from labeling.models import Claim, DefectType
from mltasks.read_only import ReadOnlyAdmin, badge

__all__ = ["LabelAdmin", "LabelUndoAdmin", "RecheckAdmin", "ReviewAdmin"]


@admin.register(DefectType)
class DefectTypeAdmin(ModelAdmin):
    """The words that reviewers have for defects, and their keys."""

    list_display = ("name", "product", "key")
    list_filter = ("product",)
    list_select_related = ("product",)
    search_fields = ("name",)
    fields = ("product", "name", "key")

    def get_readonly_fields(self, request: HttpRequest, obj: DefectType | None = None) -> tuple[str, ...]:
        """A type stays with its product, and a word that labels carry stays what it was."""
        if obj is None:
            return ()
        return ("product", "name") if obj.labels.exists() else ("product",)

    def has_delete_permission(self, request: HttpRequest, obj: DefectType | None = None) -> bool:
        """One that was never used may go, for those who may change types."""
        unused = obj is None or not obj.labels.exists()
        return unused and bool(self.has_change_permission(request, obj))


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    """Who held which part, and who holds one now."""

    list_display = ("part", "reviewer", "status", "created_at", "expires_at", "closed_at")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "reviewer", "inspection__product")
    list_select_related = ("inspection", "reviewer")
    paginator = EstimatedPaginator
    show_facets = admin.ShowFacets.NEVER
    fields = ("inspection", "reviewer", "created_at", "expires_at", "closed_at")
    actions = ("release",)

    @admin.display
    def part(self, claim: Claim) -> str:
        """The part's name."""
        return str(claim.inspection)

    @admin.display
    def status(self, claim: Claim) -> SafeString:
        """Whether it holds the part. Shown by this machine's clock; the queue goes by the database's."""
        if claim.closed_at is not None:
            return badge(gettext("closed"), "past")
        return (
            badge(gettext("held"), "busy") if claim.expires_at > timezone.now() else badge(gettext("ran out"), "quiet")
        )

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Who may take parts out of others' hands."""
        return request.user.has_perm("labeling.change_claim")

    @action(description=_("Give the parts back to the queue"), permissions=["release"])
    def release(self, request: HttpRequest, chosen: QuerySet[Claim]) -> None:
        """Close the chosen claims."""
        held = list(chosen.filter(closed_at__isnull=True))
        for claim in held:
            queue.release(claim)
        said = gettext("{number} of the chosen claims were open and are released.")
        messages.success(request, said.format(number=len(held)))
