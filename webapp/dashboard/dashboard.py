"""Dashboard of one product, and the inspection of a single photo."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Product
from inspection.products.station_latency import NEWEST_PARTS
from inspection.web.selection import chosen_product
from mltasks.refusals import Refusal
from mltasks.vision.data.image_header import ImageError
from mltasks.web.access import current_user, require_permission
from webapp.dashboard import dashboard_metrics

may_view = require_permission("inspection.view_inspection")


@require_GET
@may_view
def dashboard(request: HttpRequest) -> HttpResponse:
    """Render the whole page, so that it works without scripts."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Dashboard")})
    once = {"days": dashboard_metrics.daily_counts(product), "part_ids": dashboard_metrics.shared_part_ids(product)}
    return render(request, "dashboard/index.html", {**_summary_context(product), **_activity_context(product), **once})


@require_GET
@may_view
def summary_cards(request: HttpRequest) -> HttpResponse:
    """Render the first row and the sidebar's count, which the page polls every few seconds."""
    return render(request, "dashboard/_facts.html", {**_summary_context(_product(request.GET)), "swap": True})


@require_GET
@may_view
def stations_and_runs(request: HttpRequest) -> HttpResponse:
    """Render stations and training runs."""
    return render(request, "dashboard/_lines.html", _activity_context(_product(request.GET)))


@require_GET
@may_view
def daily_chart(request: HttpRequest) -> HttpResponse:
    """Render the chart of fourteen days."""
    return render(request, "dashboard/_days.html", {"days": dashboard_metrics.daily_counts(_product(request.GET))})


@require_POST
@require_permission("inspection.add_inspection")
def inspect_photo(request: HttpRequest) -> HttpResponse:
    """Inspect one photo: htmx gets its verdict in place, browsers without scripts its page."""
    product = _product(request.POST)
    photos = [*request.FILES.getlist("photo"), *request.FILES.getlist("camera")]
    if not photos:
        return _refuse(request, _("Choose a photo first."))
    if len(photos) > 1:
        text = _("{count} photos arrived, and none was inspected. Send one photo at a time.")
        return _refuse(request, text.format(count=len(photos)))
    try:
        image = cast(BinaryIO, photos[0])  # Django's stubs do not type an uploaded file as BinaryIO
        name = photos[0].name or ""
        part = intake.receive(Submission(image, product, uploaded_by=current_user(request), filename=name))
    except (ImageError, Refusal) as error:
        return _refuse(request, error.detail)
    if not request.headers.get("HX-Request"):
        return redirect("part", part.pk)
    return render(request, "dashboard/_verdict.html", {"part": part, "product": product})


def _refuse(request: HttpRequest, text: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return render(request, "dashboard/_refused.html", {"reason": text})
    messages.error(request, text)
    return redirect("dashboard")


def _summary_context(product: Product) -> dict[str, object]:
    return {
        "product": product,
        "today": dashboard_metrics.counts_today(product),
        "waiting": dashboard_metrics.queue_summary(product),
        "champion": dashboard_metrics.champion_summary(product),
        "training": dashboard_metrics.training_summary(product),
    }


def _activity_context(product: Product) -> dict[str, object]:
    stations = dashboard_metrics.station_summaries(product)
    latencies = dashboard_metrics.station_latencies(product, [row["station"] for row in stations])
    return {
        "product": product,
        "latencies": latencies,
        "longest_ms": dashboard_metrics.longest_latency_ms(latencies),
        "max_parts": NEWEST_PARTS,
        "stations": stations,
        "runs": dashboard_metrics.recent_runs(product),
    }


def _product(query: QueryDict) -> Product:
    return get_object_or_404(Product.objects.select_related("registered_model"), slug=query.get("of", ""))
