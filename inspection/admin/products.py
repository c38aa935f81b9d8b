"""Products in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import APIKey
from unfold.admin import ModelAdmin

from inspection.admin.product_form import ProductForm
from inspection.fast_path.evidence import leaked_parts
from inspection.fast_path.fast_path_text import fast_path_sentences
from inspection.models import Product
from inspection.models.promotion_policy import GATE_FIELDS
from inspection.products import products
from inspection.products.bands import current_guarantee
from mltasks.registry import registry
from mltasks.reports.report_text import format_share, guarantee_note

# The library's own API keys give no access here, so the admin does not list them.
if admin.site.is_registered(APIKey):
    admin.site.unregister(APIKey)


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """Products with their costs, policy and training; a new one gets its registered model."""

    form = ProductForm
    list_display = ("name", "slug", "champion", "fn_cost", "fp_cost", "review_cost", "escape_promise", "retrain_time")
    search_fields = ("name", "slug")
    fieldsets = (
        (None, {"fields": ("name", "slug")}),
        (_("Costs"), {"fields": ("fn_cost", "fp_cost", "review_cost", "defect_rate")}),
        (
            _("Escape guarantee and audits"),
            {
                "fields": (
                    *("escape_promise", "escape_confidence", "current_guarantee"),
                    *("audit_share", "fail_audit_share"),
                )
            },
        ),
        (_("Fast path"), {"fields": ("fast_path_enabled", "fast_path_leak", "fast_path_report")}),
        (_("Review queue"), {"fields": ("pick_strategy",)}),
        (_("Accepted images"), {"fields": ("min_image_side",)}),
        (_("Deadline of verdicts"), {"fields": ("deadline_ms", "deadline_action")}),
        (_("Double and repeat reviews"), {"fields": ("second_share", "repeat_share")}),
        (
            _("Training"),
            {
                "fields": (
                    *("retrain_nightly", "retrain_at", "speed", "budget_ms"),
                    *("training_settings", "holdout_share"),
                )
            },
        ),
        (_("Part ids"), {"fields": ("placeholder_part_ids", "shared_ids")}),
        (_("Promotion gate"), {"fields": (*GATE_FIELDS, "promote_nightly")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        """Add the reason for an existing product: the first values of a new one need none."""
        fieldsets = super().get_fieldsets(request, obj)
        return [*fieldsets, (_("Audit log"), {"fields": ("reason",)})] if obj else fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        """Make the slug of an existing product read-only, because clients know the product by it."""
        computed = ("shared_ids", "current_guarantee", "fast_path_report")
        return ("slug", *computed) if obj else computed

    @admin.display(description=_("guarantee of the champion"))
    def current_guarantee(self, product: Product) -> str:
        """Return the bound of the escape rate that the champion keeps by the saved settings."""
        version = registry.champion(product.registered_model) if product.pk else None
        guarantee = current_guarantee(product, version) if version else None
        return guarantee_note(guarantee) if guarantee else gettext("none yet")

    @admin.display(description=_("state of the fast path"))
    def fast_path_report(self, product: Product) -> SafeString:
        """Return state, certificate and later answers, with a link to the parts to contain."""
        version = registry.champion(product.registered_model) if product.pk else None
        text = format_html_join("", "<p>{}</p>", ((sentence,) for sentence in fast_path_sentences(product, version)))
        if product.fast_path is None or not leaked_parts(product.fast_path).exists():
            return text
        address = reverse("admin:inspection_inspection_changelist")
        query = f"product__id__exact={product.pk}&full_graph_passes__exact=0"
        title = gettext("Parts that the full model would not have passed")
        return text + format_html('<p><a class="sl-link" href="{}?{}">{}</a></p>', address, query, title)

    @admin.display(description=_("part ids shared by too many images"))
    def shared_ids(self, product: Product) -> str:
        """Return part ids that may be placeholders, each with its share of the images."""
        shared = ", ".join(f"{part_id} ({format_share(share)})" for part_id, share in product.shared_part_ids.items())
        return shared or gettext("none")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, tuple[str, ...]]:
        """Derive the slug from the name for a new product only."""
        return {} if obj else {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Save the product, and a new product with its registered model."""
        by = request.user if isinstance(request.user, User) else None
        if change:
            products.change(obj, by=by, reason=form.cleaned_data["reason"])
        else:
            products.add(obj, by=by)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid deletion, because inspections refer to the product."""
        return False

    @admin.display
    def champion(self, product: Product) -> str:
        """Return the number of the version that scores now."""
        version = registry.champion(product.registered_model)
        return gettext("version {number}").format(number=version.number) if version else gettext("none yet")

    @admin.display(description=_("nightly"))
    def retrain_time(self, product: Product) -> str:
        """Return the time of the nightly retraining."""
        return product.retrain_at.strftime("%H:%M") if product.retrain_nightly else gettext("off")
