"""Products in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import APIKey
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from inspection.intake.part_metadata import read_json
from inspection.models import Product
from inspection.models.promotion_policy import GATE_FIELDS
from inspection.products import products
from inspection.products.bands import current_guarantee
from mltasks.models import RegisteredModel
from mltasks.registry import registry
from mltasks.reports.report_text import format_share, guarantee_note

# Levels of training settings: lists within one object
MAX_JSON_DEPTH = 8

# The library's own API keys give no access here, so the admin does not list them.
if admin.site.is_registered(APIKey):
    admin.site.unregister(APIKey)


class StrictJSONField(forms.JSONField):
    """JSON form field that is parsed as strictly as a REST body.

    Django's own field fails on deep nesting and huge numbers.
    """

    def to_python(self, value: Any) -> Any:
        """Return the value. Raises ValidationError with the reason if `read_json` refuses the text."""
        if isinstance(value, str) and value.strip():
            try:
                read_json(value.encode("utf-8", "surrogatepass"), MAX_JSON_DEPTH)
            except ValueError as error:
                raise ValidationError(_("This JSON cannot be stored: %(reason)s"), params={"reason": error}) from None
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the value to show again: the raw text if it can't be parsed."""
        try:
            self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscripts at run time
    """Form of a product and of the reason for a change of its costs or policy.

    The slug of a new product must be free among the registered models, too.
    """

    class Meta:
        field_classes = {"training_settings": StrictJSONField}

    reason = forms.CharField(
        label=_("Reason for the change"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Required for changes of costs and policy. The audit log keeps it permanently, with your name."),
    )

    def _post_clean(self) -> None:
        """Require the reason for a change of costs or policy.

        This runs after the form has written its values into the product.
        """
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which its stubs leave out
        if self.instance.pk is not None and not self.errors:
            try:
                products.check_reason(
                    products.changed_policy_fields(self.instance), self.cleaned_data.get("reason", "")
                )
            except ValidationError as error:
                self.add_error(None, error)

    def clean_slug(self) -> str:
        """Refuse the name of a registered model that has lost its product."""
        slug: str = self.cleaned_data["slug"]
        if self.instance.pk is None and RegisteredModel.objects.filter(name=slug).exists():
            raise ValidationError(_("A registered model with this name already exists. Choose another name."))
        return slug


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
        (_("Review queue"), {"fields": ("pick_strategy",)}),
        (_("Accepted images"), {"fields": ("min_image_side",)}),
        (_("Double and repeat reviews"), {"fields": ("second_share", "repeat_share")}),
        (_("Training"), {"fields": ("retrain_nightly", "retrain_at", "training_settings", "holdout_share")}),
        (_("Part ids"), {"fields": ("placeholder_part_ids", "shared_ids")}),
        (_("Promotion gate"), {"fields": (*GATE_FIELDS, "promote_nightly")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        """Add the reason for an existing product: the first values of a new one need none."""
        fieldsets = super().get_fieldsets(request, obj)
        return [*fieldsets, (_("Audit log"), {"fields": ("reason",)})] if obj else fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        """Make the slug of an existing product read-only, because clients know the product by it."""
        computed = ("shared_ids", "current_guarantee")
        return ("slug", *computed) if obj else computed

    @admin.display(description=_("guarantee of the champion"))
    def current_guarantee(self, product: Product) -> str:
        """Return the bound of the escape rate that the champion keeps by the saved settings."""
        version = registry.champion(product.registered_model) if product.pk else None
        guarantee = current_guarantee(product, version) if version else None
        return guarantee_note(guarantee) if guarantee else gettext("none yet")

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
