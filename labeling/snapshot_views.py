"""The doors to a snapshot: what it is, what it holds, what it taught, and its manifest."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from labeling import blindness
from labeling.snapshot_rows import with_parts
from labeling.web.snapshots import ItemForm
from mltasks.models import DatasetSnapshot
from mltasks.snapshots import snapshot_contents
from mltasks.snapshots.manifest import FORMATS
from mltasks.web.access import needs, person
from mltasks.web.selection import remember

may_look = needs("mltasks.view_datasetsnapshot")


@require_GET
@may_look
def snapshot(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """One snapshot: its facts, and its items, filtered. Images of parts that the person is judging are left out."""
    found = _snapshot(model, number)
    remember(request, found.model)
    hidden = blindness.hidden_images(person(request))
    contents = snapshot_contents.contents(found)
    form = ItemForm(request.GET, contents=contents)
    page = snapshot_contents.page(found, form.wanted, request.GET.get("after", ""), without=hidden)
    context = {
        "snapshot": found,
        "contents": contents,
        "runs": found.runs.select_related("version").defer("log", "epochs", "version__meta").order_by("pk"),
        "form": form,
        "filtered": form.wanted,
        "page": page,
        "rows": with_parts(found, page.items),
        "judging": bool(hidden),
    }
    return render(request, "snapshots/detail.html", context)


@require_GET
@may_look
def manifest(request: HttpRequest, model: str, number: int, form: str) -> HttpResponseBase:
    """The whole manifest as a file. Nobody gets it who is judging a part: it would tell what people said."""
    found = _snapshot(model, number)
    if form not in FORMATS:
        raise Http404
    if blindness.hidden_images(person(request)):
        messages.error(request, _("You are judging parts. A snapshot tells labels: it can be had after your verdict."))
        return redirect("snapshot", model, number)
    asked = FORMATS[form]
    answer = StreamingHttpResponse(asked.pieces(found), content_type=asked.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{model}-snapshot-{number}.{form}"'
    return answer


def _snapshot(model: str, number: int) -> DatasetSnapshot:
    return get_object_or_404(DatasetSnapshot.objects.select_related("model"), model__name=model, number=number)
