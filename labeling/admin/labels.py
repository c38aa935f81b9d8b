"""Read-only admin pages of labels, reviews and undone labels."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from inspection.admin.inspections import VERDICT_BADGES
from inspection.admin.part_columns import PartColumns
from inspection.models import Inspection, Verdict
from labeling.datasets import label_export
from labeling.models import Label, LabelUndo, Recheck, Review
from labeling.models.defect_types import current_type_name
from labeling.review import review
from labeling.review.blinding import parts_hidden_from
from mltasks.admin.read_only import badge
from mltasks.refusals import Refusal

LABEL_COLUMNS = ("status", "provenance", "source", "reviewer", "comment", "created_at")


class LabeledPartAdmin(PartColumns):
    """Base of the label and review pages: a verdict on a part, with its image."""

    list_per_page = 50
    list_display_links = ("thumbnail", "part")
    search_fields = (
        "inspection__part_id__exact",
        "inspection__original_filename__exact",
        "inspection__image_sha256__exact",
    )
    search_help_text = _("A whole part id or file name, or the sha256 of an image")
    readonly_fields: tuple[str, ...] = ("large_picture",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return all rows except verdicts on parts that this user is judging now."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.exclude(inspection__in=parts_hidden_from(cast(User, request.user)))

    @admin.display(description=_("image"))
    def large_picture(self, row: Label | Review) -> SafeString:
        """Return the thumbnail as a link to the part."""
        picture = reverse("inspection-thumbnail", args=[row.inspection_id])
        page = reverse("admin:inspection_inspection_change", args=[row.inspection_id])
        return format_html('<a href="{}"><img src="{}" alt="{}"></a>', page, picture, gettext("Part"))

    @admin.display(description=_("verdict"), ordering="verdict")
    def verdict_badge(self, row: Label | Review) -> SafeString:
        """Return PASS or FAIL with its defect type."""
        text = f"{row.get_verdict_display()} {current_type_name(row.defect_type)}".strip()
        return badge(text, VERDICT_BADGES[Verdict(row.verdict)])


@admin.register(Label)
class LabelAdmin(LabeledPartAdmin):
    """Labels with their status, undone ones included."""

    list_display = ("thumbnail", "part", "verdict_badge", *LABEL_COLUMNS)
    list_filter = (
        "verdict",
        "provenance",
        "source",
        "inspection__product",
        "defect_type",
        "reviewer",
        ("undo", admin.EmptyFieldListFilter),
    )
    list_select_related = ("inspection", "defect_type__product", "defect_type__merged_into", "reviewer", "undo__by")
    date_hierarchy = "created_at"
    fields = ("large_picture", "inspection", "verdict", "defect_type", *LABEL_COLUMNS, "marks", "mask_sha256")
    readonly_fields = ("large_picture", "status", "created_at")
    actions = ("export", "take_back")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Label]:
        """Annotate the standing label and the open recheck, unless that recheck is blind."""
        newest = Label.objects.not_undone().filter(inspection=OuterRef("inspection")).order_by("-created_at", "-id")
        labels: QuerySet[Label] = super().get_queryset(request)
        not_blind = [Recheck.Reason.DOUBTED, Recheck.Reason.DISPUTED]
        rechecks = Recheck.objects.open().filter(label=OuterRef("pk"), reason__in=not_blind)
        reason = Subquery(rechecks.values("reason")[:1])
        return labels.annotate(standing=Subquery(newest.values("pk")[:1]), recheck_reason=reason)

    @admin.display
    def status(self, label: Any) -> SafeString:
        """Return a badge that says if the label counts."""
        if hasattr(label, "undo"):
            return badge(gettext("undone by {person}").format(person=label.undo.by), "past")
        if label.recheck_reason:
            disputed = label.recheck_reason == Recheck.Reason.DISPUTED
            return badge(
                gettext("disputed, not used for training") if disputed else gettext("standing label, label issue"),
                "busy",
            )
        newest = label.standing == label.pk
        if newest:
            return badge(gettext("standing label"), "good")
        return badge(gettext("replaced by a newer label"), "quiet")

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Return True if the user may undo other people's labels."""
        return request.user.has_perm("labeling.undo_any_label")

    @action(description=_("Export as CSV"))
    def export(self, request: HttpRequest, chosen: QuerySet[Label]) -> HttpResponse:
        """Return the chosen labels as a CSV file."""
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="labels.csv"'
        label_export.write_csv(
            cast(Any, answer), chosen.select_related("inspection", "defect_type__merged_into", "reviewer")
        )
        return answer

    @action(description=_("Undo"), permissions=["undo"])
    def take_back(self, request: HttpRequest, chosen: QuerySet[Label]) -> None:
        """Undo the chosen labels; show a message with the reason for each refusal."""
        undone, labels = 0, list(chosen.select_related("inspection", "reviewer"))
        for label in labels:
            try:
                review.undo(label, by=cast(User, request.user))
                undone += 1
            except (Refusal, PermissionDenied) as refusal:
                messages.warning(request, f"{label.inspection}: {refusal}")
        messages.success(request, gettext("Undone: {number} of {all}.").format(number=undone, all=len(labels)))


@admin.register(Review)
class ReviewAdmin(LabeledPartAdmin):
    """Reviews in the queue, with the seconds each took."""

    list_display = ("thumbnail", "part", "verdict_badge", "reviewer", "seconds", "comment", "created_at")
    list_filter = ("verdict", "inspection__product", "reviewer")
    list_select_related = ("inspection", "defect_type__merged_into", "reviewer")
    fields = ("large_picture", "inspection", "verdict", "defect_type", "reviewer", "comment", "seconds", "created_at")
    readonly_fields = ("large_picture", "created_at")


@admin.register(LabelUndo)
class LabelUndoAdmin(PartColumns):
    """Undone labels and the person who undid each."""

    list_display = ("part", "label", "by", "created_at")
    list_filter = ("by", "label__inspection__product")
    list_select_related = ("label__inspection", "label__defect_type__merged_into", "by")
    fields = ("label", "by", "created_at")
    readonly_fields = ("created_at",)

    def part_of(self, row: LabelUndo) -> Inspection:
        """Return the part of the label."""
        return row.label.inspection
