"""Admin pages of claims and skips. Both are read-only; claims can be released."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from inspection.admin.part_columns import PartColumns
from labeling.models import Claim, Skip
from labeling.queue import queue
from mltasks.admin.read_only import badge


@admin.register(Skip)
class SkipAdmin(PartColumns):
    """Read-only list of skips with their reasons."""

    list_display = ("part", "reason", "reviewer", "comment", "created_at")
    list_filter = ("reason", "inspection__product", "reviewer")
    list_select_related = ("inspection", "reviewer")
    fields = ("inspection", "reason", "reviewer", "comment", "created_at")
    readonly_fields = ("created_at",)


@admin.register(Claim)
class ClaimAdmin(PartColumns):
    """Read-only list of open and closed claims."""

    list_display = ("part", "reviewer", "status", "created_at", "expires_at", "closed_at")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "reviewer", "inspection__product")
    list_select_related = ("inspection", "reviewer")
    fields = ("inspection", "reviewer", "created_at", "expires_at", "closed_at")
    actions = ("release",)

    @admin.display
    def status(self, claim: Claim) -> SafeString:
        """Return a badge by this machine's clock; the queue uses the database's clock."""
        if claim.closed_at is not None:
            return badge(gettext("closed"), "past")
        return (
            badge(gettext("held"), "busy") if claim.expires_at > timezone.now() else badge(gettext("expired"), "quiet")
        )

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Return True if the user may release other reviewers' claims."""
        return request.user.has_perm("labeling.change_claim")

    @action(description=_("Release the claims"), permissions=["release"])
    def release(self, request: HttpRequest, chosen: QuerySet[Claim]) -> None:
        """Close the chosen claims."""
        held = list(chosen.filter(closed_at__isnull=True))
        for claim in held:
            queue.release(claim)
        messages.success(request, gettext("Released the open claims: {number}.").format(number=len(held)))
