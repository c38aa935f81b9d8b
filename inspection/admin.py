"""Products, stations and their keys in the admin; inspections have a file of their own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import APIKey
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from inspection import products, ranking, stations
from inspection.admin_inspections import InspectionAdmin
from inspection.admin_policy import PolicyChangeAdmin
from inspection.models import Product, Station, StationKey
from inspection.part_fields import read_json
from inspection.promotion_policy import GATE_FIELDS
from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.models import RegisteredModel
from mltasks.registry import registry

# Levels of training settings: lists within one object
MOST_NESTED = 8

__all__ = ["InspectionAdmin", "PolicyChangeAdmin"]

# The library's own keys open nothing here; a list of them would only confuse.
if admin.site.is_registered(APIKey):
    admin.site.unregister(APIKey)


class StrictJSONField(forms.JSONField):
    """Field of JSON that is read as strictly as a REST body: Django's own fails on deep nesting and huge numbers."""

    def to_python(self, value: Any) -> Any:
        """Return the value. Raises ValidationError, in words, for JSON that `read_json` refuses."""
        if isinstance(value, str) and value.strip():
            try:
                read_json(value.encode("utf-8", "surrogatepass"), MOST_NESTED)
            except ValueError as error:
                raise ValidationError(_("Not accepted: %(why)s"), params={"why": error}) from None
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what the form shows again: the text itself where it can't be read."""
        try:
            self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscripts at run time
    """A product whose name is free among the registered models, too; and why its costs or its policy change."""

    class Meta:
        field_classes = {"training_settings": StrictJSONField}

    reason = forms.CharField(
        label=_("Why it changes"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Of costs and policy, with your name, on the record for ever."),
    )

    def _post_clean(self) -> None:
        """Ask for the reason where the record needs one: the form has written into the product by now."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which its stubs leave out
        if self.instance.pk is not None and not self.errors:
            try:
                products.check_reason(products.changed_policy(self.instance), self.cleaned_data.get("reason", ""))
            except ValidationError as error:
                self.add_error(None, error)

    def clean_slug(self) -> str:
        """Refuse the name of a registered model that has lost its product."""
        slug: str = self.cleaned_data["slug"]
        if self.instance.pk is None and RegisteredModel.objects.filter(name=slug).exists():
            raise ValidationError(_("There is a registered model of this name already."))
        return slug


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """Products with their costs, policy and training. Their registered model comes with them."""

    form = ProductForm
    list_display = ("name", "slug", "champion", "fn_cost", "fp_cost", "review_cost", "escape_promise", "retrain")
    search_fields = ("name", "slug")
    fieldsets = (
        (None, {"fields": ("name", "slug")}),
        (_("What decisions cost"), {"fields": ("fn_cost", "fp_cost", "review_cost", "defect_rate")}),
        (
            _("Escapes and audits"),
            {"fields": ("escape_promise", "escape_confidence", "audit_share", "fail_audit_share")},
        ),
        (_("What people see first"), {"fields": ("pick_strategy",)}),
        (_("Which images are accepted"), {"fields": ("min_image_side",)}),
        (_("What is judged twice"), {"fields": ("second_share", "repeat_share")}),
        (_("Learning"), {"fields": ("retrain_nightly", "retrain_at", "training_settings", "holdout_share")}),
        (_("Part ids"), {"fields": ("placeholder_part_ids", "shared_ids")}),
        (_("What a promotion asks"), {"fields": (*GATE_FIELDS, "promote_nightly")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        """With the reason where a product changes: a new one's first values need none."""
        found = super().get_fieldsets(request, obj)
        return [*found, (_("For the record"), {"fields": ("reason",)})] if obj else found

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        """Clients know a product by its slug: it never changes."""
        return ("slug", "shared_ids") if obj else ("shared_ids",)

    @admin.display(description=_("part ids that too many images share"))
    def shared_ids(self, product: Product) -> str:
        """Suggest part ids for the placeholders, each with its share of the images."""
        shared = ", ".join(f"{part_id} ({share:.0%})" for part_id, share in product.shared_part_ids.items())
        return shared or gettext("none")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, tuple[str, ...]]:
        """Only a new product's slug follows its name."""
        return {} if obj else {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Save it, and with a new one its registered model."""
        by = request.user if isinstance(request.user, User) else None
        if change:
            products.change(obj, by=by, reason=form.cleaned_data["reason"])
        else:
            products.add(obj, by=by)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was inspected stays."""
        return False

    @admin.display
    def champion(self, product: Product) -> str:
        """The version that scores now."""
        version = registry.champion(product.registered_model)
        return gettext("version {number}").format(number=version.number) if version else gettext("none yet")

    @admin.display(description=_("nightly"))
    def retrain(self, product: Product) -> str:
        """When it retrains."""
        return product.retrain_at.strftime("%H:%M") if product.retrain_nightly else gettext("off")


class KeyInline(TabularInline):
    """A station's keys. The keys themselves are nowhere: only their hashes are kept."""

    model = StationKey
    fields = readonly_fields = ("prefix", "created", "revoked", "expiry_date")
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are issued by the action."""
        return False


@admin.register(Station)
class StationAdmin(ModelAdmin):
    """Camera stations. A new one gets its key at once; the key is shown once."""

    list_display = ("name", "product", "roi", "bit_depth", "urgent", "keys_in_use", "created_at")
    list_filter = ("product", "urgent")
    list_select_related = ("product",)
    search_fields = ("name",)
    fields = ("product", "name", "roi", "bit_depth", "urgent")
    inlines = (KeyInline,)
    actions = ("issue_keys",)
    actions_submit_line = ("issue_key",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Station]:
        """Stations with the number of their valid keys."""
        found: QuerySet[Station] = super().get_queryset(request)
        return found.annotate(valid_keys=Count("keys", filter=Q(keys__revoked=False)))

    def get_readonly_fields(self, request: HttpRequest, obj: Station | None = None) -> tuple[str, ...]:
        """Answers name the station and its product: both stay."""
        return ("product", "name") if obj else ()

    def save_model(self, request: HttpRequest, obj: Station, form: Any, change: bool) -> None:
        """Save it, and with a new one its first key."""
        if change:
            super().save_model(request, obj, form, change)  # also runs the button beside "Save"
            ranking.hint()
        else:
            made, key = stations.create_station(
                obj.product, obj.name, obj.roi, urgent=obj.urgent, bit_depth=obj.bit_depth
            )
            obj.pk = made.pk
            self._show_once(request, obj, key)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its inspections name it."""
        return False

    def has_issue_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may add keys."""
        return isinstance(request.user, User) and request.user.has_perm("inspection.add_stationkey")

    @admin.display(description=_("keys in use"), ordering="valid_keys")
    def keys_in_use(self, station: Any) -> int:
        """How many keys of it are valid."""
        return int(station.valid_keys)

    @action(description=_("Issue a new key"), permissions=["issue"])
    def issue_key(self, request: HttpRequest, obj: Station) -> None:
        """Issue a key from the station's page."""
        self._show_once(request, obj, stations.new_key(obj))

    @action(description=_("Issue a new key for each"), permissions=["issue"])
    def issue_keys(self, request: HttpRequest, chosen: QuerySet[Station]) -> None:
        """Issue a key from the list."""
        for station in chosen.select_related("product"):
            self._show_once(request, station, stations.new_key(station))

    @staticmethod
    def _show_once(request: HttpRequest, station: Station, key: str) -> None:
        said = gettext("The key of {station} is {key} – copy it now, it can't be shown again.")
        words = said.format(station=station, key=key)
        messages.warning(request, words)


@admin.register(StationKey)
class StationKeyAdmin(ReadOnlyAdmin):
    """All keys, to find one by its prefix and revoke it."""

    list_display = ("prefix", "station", "status", "created", "expiry_date")
    list_filter = ("revoked", "station__product")
    list_select_related = ("station__product",)
    search_fields = ("prefix",)
    fields = ("station", "prefix", "created", "revoked", "expiry_date")
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change keys."""
        return isinstance(request.user, User) and request.user.has_perm("inspection.change_stationkey")

    @admin.display
    def status(self, key: StationKey) -> SafeString:
        """Whether it opens anything."""
        return badge(gettext("revoked"), "past") if key.revoked else badge(gettext("in use"), "good")

    @action(description=_("Revoke, at once and for ever"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[StationKey]) -> None:
        """Make the chosen keys useless."""
        revoked = list(chosen.filter(revoked=False))
        for key in revoked:
            stations.revoke(key)
        said = gettext("Revoked {number} of the chosen keys.")
        messages.success(request, said.format(number=len(revoked)))
