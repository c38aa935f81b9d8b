"""Page of reviewers: agreement, throughput, disputes and skips."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from inspection.web.selection import chosen_product
from labeling.models import Recheck
from labeling.models.rechecks import ADJUDICATE_PERMISSION
from labeling.rechecks import agreement, review_throughput
from mltasks.web.access import require_permission

PERIODS = {"30": _("last 30 days"), "90": _("last 90 days"), "all": _("all days")}


@require_GET
@require_permission(ADJUDICATE_PERMISSION)
def reviewers(request: HttpRequest) -> HttpResponse:
    """Show how people agree on the chosen product's parts."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Reviewers")})
    days = request.GET.get("days", "")
    days = days if days in PERIODS else "30"
    since = None if days == "all" else timedelta(days=int(days))
    double_reviews = agreement.load_label_pairs(product, since, Recheck.Reason.SECOND)
    repeat_reviews = agreement.load_label_pairs(product, since, Recheck.Reason.REPEAT)
    disputes = review_throughput.open_disputes(product)
    context = {
        "product": product,
        "periods": PERIODS.items(),
        "days": days,
        "overall": agreement.overall_agreement(double_reviews),
        "between": agreement.agreement_by_reviewer_pair(double_reviews),
        "repeated": agreement.agreement_by_reviewer_pair(repeat_reviews),
        "confusion": agreement.confusion_matrix(double_reviews),
        "throughput": review_throughput.throughput_by_reviewer(product, since),
        "disputes": disputes[: review_throughput.MAX_LIST_ROWS],
        "max_pairs": agreement.MAX_ROWS,
        "max_rows": review_throughput.MAX_LIST_ROWS,
        "dispute_count": disputes.count(),
        "skips": review_throughput.recent_skips(product, since),
    }
    return render(request, "reviewers/index.html", context)
