"""Read-only admin page of rechecks."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inspection.admin.part_columns import PartColumns
from labeling.models import Recheck
from labeling.models.rechecks import ADJUDICATE_PERMISSION
from mltasks.admin.read_only import badge
from mltasks.reports.report_text import percent

OUTCOME_BADGES = {
    "": "busy",
    Recheck.Outcome.CONFIRMED: "good",
    Recheck.Outcome.CHANGED: "bad",
    Recheck.Outcome.WITHDRAWN: "past",
}
RECHECK_COLUMNS = ("reason", "label", "version", "defect_probability", "status", "answer")


@admin.register(Recheck)
class RecheckAdmin(PartColumns):
    """Rechecks with their reasons and outcomes."""

    list_display = ("part", *RECHECK_COLUMNS, "due_at", "closed_at")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "reason", "outcome", "given", "inspection__product")
    list_select_related = (
        "inspection",
        "label__defect_type__merged_into",
        "answer__defect_type__merged_into",
        "version__model",
    )
    fields = ("inspection", *RECHECK_COLUMNS, "opened_at", "due_at", "closed_at")
    readonly_fields = ("defect_probability", "status", "opened_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recheck]:
        """Return the rechecks; open blind ones only for users who may adjudicate."""
        rechecks: QuerySet[Recheck] = super().get_queryset(request)
        if request.user.has_perm(ADJUDICATE_PERMISSION):
            return rechecks
        return rechecks.exclude(closed_at=None, reason__in=[Recheck.Reason.SECOND, Recheck.Reason.REPEAT])

    def has_view_permission(self, request: HttpRequest, obj: Recheck | None = None) -> bool:
        """Return True if the user may view labels."""
        return request.user.has_perm("labeling.view_label")

    @admin.display(description=_("defect probability"), ordering="probability")
    def defect_probability(self, recheck: Recheck) -> str:
        """Return the probability in percent; a dash if no version is concerned."""
        return "–" if recheck.probability is None else percent(recheck.probability)

    @admin.display(ordering="outcome")
    def status(self, recheck: Recheck) -> SafeString:
        """Return a badge: waiting, or the outcome."""
        text = recheck.get_outcome_display().lower() if recheck.closed_at else gettext("waits for a person")
        return badge(text, OUTCOME_BADGES[recheck.outcome])
