"""The door to how people judge: their agreement, their pace, what they differ on and what they skipped."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from inspection.web.selection import chosen_product
from labeling.models import Recheck
from labeling.models.rechecks import ADJUDICATE
from labeling.rechecks import agreement, review_throughput
from mltasks.web.access import needs

DAYS = {"30": _("last 30 days"), "90": _("last 90 days"), "all": _("all days")}


@require_GET
@needs(ADJUDICATE)
def reviewers(request: HttpRequest) -> HttpResponse:
    """How people agree on the chosen product's parts."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Reviewers")})
    asked = request.GET.get("days", "")
    days = asked if asked in DAYS else "30"
    since = None if days == "all" else timedelta(days=int(days))
    seconds = agreement.pairs(product, since, Recheck.Reason.SECOND)
    repeats = agreement.pairs(product, since, Recheck.Reason.REPEAT)
    disputes = review_throughput.disputes(product)
    context = {
        "product": product,
        "windows": DAYS.items(),
        "days": days,
        "overall": agreement.overall(seconds),
        "between": agreement.between_people(seconds),
        "themselves": agreement.between_people(repeats),
        "confusion": agreement.confusion(seconds),
        "people": review_throughput.by_person(product, since),
        "disputes": disputes[: review_throughput.SHOWN],
        "most": agreement.MOST,
        "shown": review_throughput.SHOWN,
        "disputed": disputes.count(),
        "skips": review_throughput.skips(product, since),
    }
    return render(request, "reviewers/index.html", context)
