"""Health and metrics endpoints for load balancers, container engines and Prometheus."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from webapp.health import metrics_access
from webapp.health.prometheus import metrics_text
from webapp.health.readiness import OK, check_readiness


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process lives; uses no database or store."""
    return JsonResponse({"status": OK})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if all components work, else 503 with the failing ones and the reasons."""
    parts = check_readiness()
    failing = sorted(name for name, said in parts.items() if said != OK)
    status = HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK
    body = {"status": "not ready" if failing else OK, "failing": failing, "parts": parts}
    return JsonResponse(body, status=status, headers={"Retry-After": "5"} if failing else {})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer metrics in Prometheus's text format.

    Senders must show METRICS_TOKEN; without that setting only this machine may read the metrics.
    """
    if (refused := metrics_access.refusal_reason(request)) is not None:
        status, reason = refused
        headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        return HttpResponse(reason, status=status, content_type="text/plain; charset=utf-8", headers=headers)
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)
