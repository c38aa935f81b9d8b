"""Pages of a snapshot: its items with filters, and its manifest as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from inspection.models import Inspection
from labeling.review import blinding
from labeling.web.forms import FilterForm, SearchField
from mltasks.models import DatasetSnapshot, SnapshotItem
from mltasks.snapshots import snapshot_contents
from mltasks.snapshots.manifest import FORMATS
from mltasks.snapshots.snapshot_contents import UNNAMED_TYPE, SnapshotContents
from mltasks.web.access import current_user, require_permission
from mltasks.web.selection import remember_choice

SnapshotRow = tuple[SnapshotItem, Inspection | None]


class SnapshotItemFilterForm(FilterForm):
    """Filters by split, label, defect type, and the beginning of a name or sha256."""

    split = forms.ChoiceField(required=False, label=_("Split"))
    label = forms.ChoiceField(
        required=False,
        label=_("Label"),
        choices=[("", _("good or defective")), ("PASS", _("PASS")), ("FAIL", _("FAIL"))],
    )
    defect_type = forms.ChoiceField(required=False, label=_("Defect type"))
    q = SearchField(label=_("name or sha256"), placeholder=_("name or sha256 begins with"), max_length=200, size=26)

    def __init__(self, data: Any, *, contents: SnapshotContents) -> None:
        super().__init__(data)
        types = [(name or UNNAMED_TYPE, name or _("no type")) for name in contents.defect_types]
        self.set_choices("split", _("any split"), [(share.name, share.name) for share in contents.splits])
        self.set_choices("defect_type", _("any type"), types)


def rows_with_parts(snapshot: DatasetSnapshot, items: Sequence[SnapshotItem]) -> list[SnapshotRow]:
    """Return each item with the first part that has its image; None if there is none any more."""
    images = [item.image_sha256 for item in items]
    parts = Inspection.objects.filter(product__registered_model=snapshot.model_id, image_sha256__in=images)
    first = parts.order_by("image_sha256", "received_at", "id").distinct("image_sha256")
    part_of = {part.image_sha256: part for part in first.only("id", "image_sha256", "part_id", "original_filename")}
    return [(item, part_of.get(item.image_sha256)) for item in items]


may_view = require_permission("mltasks.view_datasetsnapshot")


@require_GET
@may_view
def show_snapshot(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Show one snapshot and its filtered items, without images that the user judges now."""
    snapshot = _get_snapshot(model, number)
    remember_choice(request, snapshot.model)
    hidden = blinding.images_hidden_from(current_user(request))
    contents = snapshot_contents.count_contents(snapshot)
    form = SnapshotItemFilterForm(request.GET, contents=contents)
    page = snapshot_contents.list_items(snapshot, form.active_filters, request.GET.get("after", ""), excluding=hidden)
    context = {
        "snapshot": snapshot,
        "contents": contents,
        "runs": snapshot.runs.select_related("version").defer("log", "epochs", "version__meta").order_by("pk"),
        "form": form,
        "filtered": form.active_filters,
        "page": page,
        "rows": rows_with_parts(snapshot, page.items),
        "hides_parts": bool(hidden),
    }
    return render(request, "snapshots/detail.html", context)


@require_GET
@may_view
def manifest(request: HttpRequest, model: str, number: int, form: str) -> HttpResponseBase:
    """Send the whole manifest as a file; refused while the user judges a part (blinding)."""
    snapshot = _get_snapshot(model, number)
    if form not in FORMATS:
        raise Http404
    if blinding.images_hidden_from(current_user(request)):
        messages.error(
            request, _("You hold parts for review. The manifest contains labels: download it after your verdict.")
        )
        return redirect("snapshot", model, number)
    file_format = FORMATS[form]
    response = StreamingHttpResponse(file_format.chunks(snapshot), content_type=file_format.content_type)
    response["Content-Disposition"] = f'attachment; filename="{model}-snapshot-{number}.{form}"'
    return response


def _get_snapshot(model: str, number: int) -> DatasetSnapshot:
    return get_object_or_404(DatasetSnapshot.objects.select_related("model"), model__name=model, number=number)
