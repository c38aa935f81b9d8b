"""Read-only inspections in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inspection.admin.part_columns import PartColumns
from inspection.models import Inspection, Reason, Verdict
from inspection.products.blind_parts import blind_parts
from mltasks.admin.read_only import badge
from mltasks.reports.report_text import percent

VERDICT_BADGES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.REVIEW: "busy"}
DECISION_SECTION = ("verdict", "reasons", "model_verdict", "defect_probability", "model_version")
FAST_PATH_SECTION = ("fast_path", "screening_logit", "full_graph_passes")
NOVELTY_SECTION = (
    "novel_defect_suspected",
    "novelty",
    "similarity",
    "duplicate_of",
    "reconstruction_error",
    "anomaly_threshold",
)
TIMES_SECTION = (
    "captured_at",
    "received_at",
    "decided_at",
    "latency_ms",
    "deadline_ms",
    "queue_sort_key",
    "resolved_at",
)
IMAGE_SECTION = (
    "image_name",
    "image_sha256",
    "image_format",
    "image_width",
    "image_height",
    "image_bytes",
    "roi",
    "bit_depth",
)
SCORING_SECTION = ("state", "attempt", "scoring_deferred", "scoring_error", "lease_expires_at", "idempotency_key")


@admin.register(Inspection)
class InspectionAdmin(PartColumns):
    """Inspections with their verdicts, read-only."""

    list_display = (
        "thumbnail",
        "part",
        "product",
        "sender",
        "verdict_badge",
        "reason_labels",
        "probability",
        "version",
        "received_at",
    )
    list_display_links = ("thumbnail", "part")
    list_filter = ("verdict", "product", "state", "source", "novel_defect_suspected", "full_graph_passes")
    list_select_related = ("product", "station__product", "model_version", "uploaded_by")
    list_per_page = 50
    search_fields = ("part_id__exact", "image_sha256__exact")
    search_help_text = _("A complete part id, or the sha256 of an image")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "image_with_heatmap",
                    "product",
                    "station",
                    "uploaded_by",
                    "part_id",
                    "original_filename",
                    "metadata",
                )
            },
        ),
        (_("Decision"), {"fields": (*DECISION_SECTION, *NOVELTY_SECTION)}),
        (_("Fast path"), {"fields": FAST_PATH_SECTION}),
        (_("Times"), {"fields": TIMES_SECTION}),
        (_("Image"), {"fields": IMAGE_SECTION}),
        (_("Scoring"), {"fields": SCORING_SECTION}),
    )
    readonly_fields = ("image_with_heatmap",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Inspection]:
        """Return all parts except those that this user judges blind now."""
        parts: QuerySet[Inspection] = super().get_queryset(request)
        blind = blind_parts(request.user)
        return parts.exclude(pk__in=blind) if blind else parts

    def part_of(self, row: Inspection) -> Inspection:
        """Return the part itself."""
        return row

    @admin.display(description=_("image"))
    def image_with_heatmap(self, inspection: Inspection) -> SafeString:
        """Return the thumbnail, a link to the image and, for a scored part, the heatmap."""
        addresses = [reverse(f"inspection-{name}", args=[inspection.pk]) for name in ("image", "thumbnail", "heatmap")]
        shown = format_html('<a href="{}"><img src="{}" alt="{}"></a>', *addresses[:2], gettext("Image of the part"))
        if inspection.model_version_id is None:
            return shown
        title = gettext("Heatmap of {version}").format(version=inspection.model_version)
        return shown + format_html(' <a class="sl-link" href="{}">{}</a>', addresses[2], title)

    @admin.display(description=_("sender"))
    def sender(self, inspection: Inspection) -> str:
        """Return the station or the person that sent the part."""
        sender = inspection.station.name if inspection.station else inspection.uploaded_by
        return str(sender or inspection.get_source_display())

    @admin.display(description=_("verdict"))
    def verdict_badge(self, inspection: Inspection) -> SafeString:
        """Return the verdict as a badge, or the state of a part without a verdict."""
        if inspection.verdict is None:
            return badge(inspection.get_state_display(), "quiet")
        verdict = Verdict(inspection.verdict)
        return badge(str(verdict.label), VERDICT_BADGES[verdict])

    @admin.display(description=_("reasons"))
    def reason_labels(self, inspection: Inspection) -> str:
        """Return the titles of the part's review reasons."""
        return ", ".join(str(Reason(reason).label) for reason in inspection.reasons)

    @admin.display(description=_("defect probability"), ordering="defect_probability")
    def probability(self, inspection: Inspection) -> str:
        """Return the calibrated probability of a defect."""
        return "–" if inspection.defect_probability is None else percent(inspection.defect_probability)

    @admin.display
    def version(self, inspection: Inspection) -> str:
        """Return the number of the version that scored the part."""
        return str(inspection.model_version.number) if inspection.model_version else "–"
