"""Views of the workbench: page, next part, claims, undo, and the form without scripts."""

from __future__ import annotations

import functools
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inspection.models import Inspection, Product
from inspection.web.selection import chosen_product
from labeling.datasets.defect_type_service import active_types
from labeling.history import history
from labeling.models import Claim, Label, Skip
from labeling.models.defect_types import current_type_name
from labeling.queue import near_duplicate_claims, queue, queue_stats
from labeling.rechecks import recheck_resolution
from labeling.refusals import ClaimLost
from labeling.review import blinding, review
from labeling.web.forms import VerdictForm
from labeling.web.workbench_text import workbench_texts
from mltasks.refusals import Refusal
from mltasks.web.access import View, current_user, parse_row_id, require_page_owner, require_permission

MAX_RECENT = 20


def may_review(view: View) -> View:
    """Restrict a view to reviewers, and to the user for whom the page was made."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        require_page_owner(request)
        return view(request, *args, **kwargs)

    return require_permission("labeling.add_review")(guarded)


@require_GET
@may_review
def workbench(request: HttpRequest) -> HttpResponse:
    """Show the workbench; its parts are loaded by `next_part`."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Review")})
    recent = history.recent_labels(current_user(request), product, MAX_RECENT)
    context = {
        "product": product,
        "types": active_types(product),
        "state": _queue_state(current_user(request), product),
        "recent": [_recent_decision(label) for label in recent],
        "skip_reasons": Skip.Reason.choices,
        "texts": workbench_texts(),
    }
    return render(request, "review/workbench.html", context)


@require_POST
@may_review
def next_part(request: HttpRequest) -> HttpResponse:
    """Claim a part of the product and return it as HTML; 204 if none waits."""
    product = get_object_or_404(Product, slug=request.POST.get("product", ""))
    claim = queue.claim(reviewer=current_user(request), product=product, excluding=_parse_keys(request, "excluding"))
    return HttpResponse(status=204) if claim is None else _render_part(request, claim)


@require_POST
@may_review
def renew_claims(request: HttpRequest) -> JsonResponse:
    """Renew the claims on the page; return the lost ones and the state of the queue."""
    product = get_object_or_404(Product, slug=request.POST.get("product", ""))
    lost = []
    for key in _parse_keys(request, "claim"):
        try:
            queue.renew(_own_claim(request, key))
        except ClaimLost:
            lost.append(str(key))
    waiting = queue_stats.waiting_count_by_product(current_user(request))
    elsewhere = {slug: waiting.get(key, 0) for key, slug in Product.objects.values_list("pk", "slug")}
    return JsonResponse({**_queue_state(current_user(request), product), "lost": lost, "elsewhere": elsewhere})


@require_POST
@may_review
def release(request: HttpRequest) -> HttpResponse:
    """Give parts back to the queue."""
    for key in _parse_keys(request, "claim"):
        queue.release(_own_claim(request, key))
    return HttpResponse(status=204)


@require_POST
@may_review
def near_duplicates(request: HttpRequest) -> HttpResponse:
    """Claim a part's near-duplicates, return all as a sheet; 204 if none, 409 with the reason."""
    claim = _own_claim(request, _parse_key(request.POST.get("claim", "")))
    try:
        claims = near_duplicate_claims.claim_near_duplicates(claim)
    except ClaimLost as refusal:
        return HttpResponse(str(refusal), status=409, content_type="text/plain")
    if not claims:
        return HttpResponse(status=204)
    return render(request, "review/_similar.html", {"claims": [claim, *claims]})


@require_POST
@may_review
def undo(request: HttpRequest) -> HttpResponse:
    """Undo a label or a skip, claim its part and return it as HTML; 409 with the reason."""
    try:
        claim = _undo_and_claim(request)
    except Refusal as refusal:
        return HttpResponse(str(refusal), status=409, content_type="text/plain")
    return _render_part(request, claim)


def _undo_and_claim(request: HttpRequest) -> Claim:
    if "inspection" in request.POST:
        skipped = get_object_or_404(Inspection, pk=_parse_key(request.POST["inspection"]))
        return queue.claim_part(skipped, reviewer=current_user(request))
    labels = Label.objects.select_related("inspection")
    label = get_object_or_404(labels, pk=parse_row_id(request.POST.get("label", "")))
    return review.undo_and_claim(label, by=current_user(request))


@require_http_methods(["GET", "POST"])
@may_review
def plain_form(request: HttpRequest) -> HttpResponse:
    """Show one part and a form, for browsers without scripts."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Review")})
    if request.method == "POST":
        return _save_plain_verdict(request)
    claim = queue.claim(reviewer=current_user(request), product=product)
    context = {
        "product": product,
        "types": active_types(product),
        **(_part_context(claim) if claim else {}),
        **_queue_state(current_user(request), product),
    }
    return render(request, "review/plain.html", context)


def _save_plain_verdict(request: HttpRequest) -> HttpResponse:
    form = VerdictForm(request.POST)
    claim = _own_claim(request, _parse_key(request.POST.get("claim", "")))
    if not form.is_valid():
        messages.error(request, _("Choose PASS or FAIL."))
        return redirect("review-plain")
    try:
        label = review.resolve(claim, **form.cleaned_data)
        messages.success(request, f"{claim.inspection}: {label}.")
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("review-plain")


def _render_part(request: HttpRequest, claim: Claim) -> HttpResponse:
    return render(request, "review/_part.html", _part_context(claim) | {"product": claim.inspection.product})


def _part_context(claim: Claim) -> dict[str, Any]:
    part = claim.inspection
    recheck = recheck_resolution.find_open_recheck(part)
    blind = blinding.is_judged_blind(part, recheck)
    # A file name often contains a verdict: scratch-07.jpg.
    name = (part.part_id or part.pk) if blind else part
    return {
        "claim": claim,
        "part": part,
        "blind": blind,
        "name": name,
        # Audits and rechecks have the same page, so that a reviewer can't tell them apart.
        "similar_count": 0 if blind else near_duplicate_claims.near_duplicate_count(part),
        "dispute": recheck_resolution.disputed_labels(recheck),
    }


def _queue_state(reviewer: User, product: Product) -> dict[str, int]:
    return {
        "left": queue_stats.waiting_count(product, reviewer=reviewer),
        "today": history.labeled_today_count(reviewer, product),
        "mine": queue.held_claims(reviewer).count(),
        "new_labels": history.new_training_part_count(product),
    }


def _recent_decision(label: Label) -> dict[str, Any]:
    part = label.inspection
    return {
        "label": label.pk,
        "verdict": label.verdict,
        "defect_type": current_type_name(label.defect_type),
        "inspection": str(part.pk),
        "title": str(part),
    }


def _own_claim(request: HttpRequest, key: UUID) -> Claim:
    claim = get_object_or_404(Claim.objects.select_related("inspection", "reviewer"), pk=key)
    if claim.reviewer_id != current_user(request).pk:
        raise PermissionDenied(_("Another reviewer holds this claim. Continue with the next part."))
    return claim


def _parse_keys(request: HttpRequest, name: str) -> list[UUID]:
    return [_parse_key(text) for text in request.POST.getlist(name)]


def _parse_key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PermissionDenied(_("This claim does not exist. Reload the page.")) from None
