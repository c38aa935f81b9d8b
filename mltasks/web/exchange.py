"""Pages for exporting versions to other plants and importing versions from them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from mltasks.exchange import signing, version_export, version_import
from mltasks.models import RegisteredModel, TrustedPlant
from mltasks.models.trusted_plants import format_fingerprint
from mltasks.registry import registry
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.web.access import current_user, require_permission
from mltasks.web.forms import ImportForm
from mltasks.web.selection import get_version_or_404, remember_choice

# For both directions: who may choose the champion may export the plant's weights and import others.
may_exchange = require_permission(registry.PROMOTE_PERMISSION)


@require_GET
@may_exchange
def export_version(request: HttpRequest, model: str, number: int) -> HttpResponseBase:
    """Return the version as one signed file."""
    version = get_version_or_404(model, number)
    try:
        file = version_export.export_to_temporary_file(version, by=current_user(request))
    except BundleCorrupt as error:
        messages.error(request, str(error))
        return redirect("version", model, number)
    kind = "application/octet-stream"
    return FileResponse(file, as_attachment=True, filename=version_export.export_filename(version), content_type=kind)


@require_http_methods(["GET", "POST"])
@may_exchange
def import_version(request: HttpRequest, model: str) -> HttpResponse:
    """Show the trusted plants and the import form, or import the posted version."""
    registered_model = get_object_or_404(RegisteredModel, name=model)
    remember_choice(request, registered_model)
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "GET":
        return _render_page(request, registered_model, ImportForm())
    if form.is_valid():
        try:
            file = form.cleaned_data["file"].file
            version = version_import.import_version(registered_model, file, by=current_user(request))
        except version_import.ImportRefused as error:
            form.add_error(None, str(error))
        else:
            text = _("Imported {origin} as version {number}, a candidate. Read its report, then compare the versions.")
            messages.success(request, text.format(origin=version.imported, number=version.number))
            return redirect("version", model, version.number)
    return _render_page(request, registered_model, form, status=400)


@require_GET
@may_exchange
def plant_key(request: HttpRequest) -> HttpResponse:
    """Return this plant's public key as a file."""
    headers = {"Content-Disposition": 'attachment; filename="plant-key.pem"'}
    return HttpResponse(signing.own_public_key(), content_type="application/x-pem-file", headers=headers)


def _render_page(request: HttpRequest, model: RegisteredModel, form: ImportForm, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "model": model,
        "form": form,
        "own_fingerprint": format_fingerprint(signing.fingerprint(signing.own_public_key())),
        "plants": TrustedPlant.objects.select_related("added_by"),
    }
    return render(request, "models/import.html", context, status=status)
