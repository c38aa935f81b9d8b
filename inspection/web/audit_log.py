"""Pages of a product's audit log and of its versions on the locked holdout."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from inspection.models import Product
from inspection.promotion import audit_log
from inspection.replay import replay
from mltasks.web.access import may_view_models, require_permission
from mltasks.web.selection import remember_choice


@require_GET
@require_permission("mltasks.view_promotion")
def audit_log_page(request: HttpRequest, model: str) -> HttpResponse:
    """Show events of versions, costs and policy, newest first."""
    product = _product(request, model)
    events = audit_log.load_events(product, _parse_moment(request.GET.get("before", "")))
    older = events[-1].at.isoformat() if len(events) == audit_log.PAGE_SIZE else ""
    return render(request, "models/record.html", {"product": product, "entries": events, "older": older})


@require_GET
@may_view_models
def holdout_page(request: HttpRequest, model: str) -> HttpResponse:
    """Show each version's metrics on the locked holdout."""
    product = _product(request, model)
    context = {
        "product": product,
        "replays": replay.holdout_replays(product),
        "locked": replay.locked_holdout(product).count(),
    }
    return render(request, "models/holdout.html", context)


def _product(request: HttpRequest, model: str) -> Product:
    rows = Product.objects.select_related("registered_model")
    product = get_object_or_404(rows, registered_model__name=model)
    remember_choice(request, product.registered_model)
    return product


def _parse_moment(text: str) -> datetime | None:
    """Parse the time of an earlier page; None for any other text means the newest page."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if timezone.is_aware(moment) else None
