"""Health and metrics endpoints for load balancers, container engines and Prometheus."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from webapp.health.prometheus import metrics_text
from webapp.health.readiness import OK, champion_precisions, check_readiness

TOKEN_REQUIRED = "Send the METRICS_TOKEN of this installation: Authorization: Bearer TOKEN.\n"  # noqa: S105
LOCAL_ONLY = "Only this machine may read the metrics. To read them from another machine, set METRICS_TOKEN.\n"
# A local proxy also connects from loopback; each of these headers reveals a proxy.
_FORWARDED = ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process lives; uses no database or store."""
    return JsonResponse({"status": OK})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if all components work, else 503 with the failing ones and the reasons.

    ``precisions`` names the precision in which this machine serves each champion.
    """
    parts = check_readiness()
    failing = sorted(name for name, status in parts.items() if status != OK)
    status = HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK
    body: dict[str, object] = {"status": "not ready" if failing else OK, "failing": failing, "parts": parts}
    if parts["database"] == OK:
        body["precisions"] = champion_precisions()
    return JsonResponse(body, status=status, headers={"Retry-After": "5"} if failing else {})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus metrics to holders of METRICS_TOKEN; without a token to this machine."""
    if settings.METRICS_TOKEN:
        token = request.headers.get("Authorization", "")
        allowed = constant_time_compare(token, f"Bearer {settings.METRICS_TOKEN}")
        status, reason, headers = HTTPStatus.UNAUTHORIZED, TOKEN_REQUIRED, {"WWW-Authenticate": "Bearer"}
    else:
        allowed = _is_local(request)
        status, reason, headers = HTTPStatus.FORBIDDEN, LOCAL_ONLY, {}
    if allowed:
        return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)
    return HttpResponse(reason, status=status, content_type="text/plain; charset=utf-8", headers=headers)


def _is_local(request: HttpRequest) -> bool:
    """Return True if the connection comes from this machine without a proxy."""
    if any(f"HTTP_{name}" in request.META for name in _FORWARDED):
        return False
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback
