"""Admin pages of trusted plants and of the origins of imported versions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from mltasks.admin.read_only import ReadOnlyAdmin
from mltasks.exchange import trust_store
from mltasks.models import ImportedVersion, TrustedPlant


class TrustForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscripts at run time
    """Form for a plant's name, key and fingerprint, as the plant itself told it."""

    public_key = forms.CharField(
        label=_("Public key"),
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("The three lines of the file that the other plant sent."),
    )
    fingerprint = forms.CharField(
        label=_("Fingerprint"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_(
            "Enter the fingerprint that the plant told you, for example by telephone. Do not copy it from the key file."
        ),
    )

    class Meta:
        model = TrustedPlant
        fields = ("name", "public_key", "fingerprint")

    def clean_name(self) -> str:
        """Return the validated name."""
        try:
            return trust_store.validate_name(self.cleaned_data["name"])
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """Check that key and fingerprint match; add a form error otherwise."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if {"public_key", "fingerprint"} <= data.keys():
            try:
                key, fingerprint = trust_store.validate_key(data["public_key"].encode(), data["fingerprint"])
                data |= {"public_key": key, "fingerprint": fingerprint}
            except ValueError as error:
                self.add_error("fingerprint", str(error))
        return data


@admin.register(TrustedPlant)
class TrustedPlantAdmin(ReadOnlyAdmin):
    """List of trusted plants. A key never changes: a new key is a new plant."""

    form = TrustForm
    list_display = ("name", "fingerprint_text", "added_by", "created_at")
    list_select_related = ("added_by",)

    def get_fields(self, request: HttpRequest, obj: TrustedPlant | None = None) -> tuple[str, ...]:
        """Return the form's fields for a new plant; for a trusted plant also who added it."""
        return ("name", "public_key", "fingerprint_text", "added_by", "created_at") if obj else self.form.Meta.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the user may trust plants."""
        return request.user.has_perm("mltasks.add_trustedplant")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the user may end the trust. Imported versions stay."""
        return request.user.has_perm("mltasks.delete_trustedplant")

    def save_model(self, request: HttpRequest, obj: TrustedPlant, form: Any, change: bool) -> None:
        """Trust the plant with the function that the command uses, too."""
        by = request.user if isinstance(request.user, User) else None
        obj.pk = trust_store.trust(obj.name, obj.public_key.encode(), obj.fingerprint, by=by).pk

    @admin.display(description=_("fingerprint"), ordering="fingerprint")
    def fingerprint_text(self, plant: TrustedPlant) -> str:
        """Return the fingerprint in sixteen groups of four characters."""
        return plant.fingerprint_text


@admin.register(ImportedVersion)
class ImportedVersionAdmin(ReadOnlyAdmin):
    """List of the origins of imported versions."""

    list_display = ("version", "plant", "product", "number", "imported_by", "created_at")
    list_filter = ("model", "plant")
    list_select_related = ("version__model", "imported_by")
    fields = ("version", "plant", "product", "number", "good", "defective", "sha256", "fingerprint", "imported_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rows without the signed document, which names every image."""
        return super().get_queryset(request).defer("document")
