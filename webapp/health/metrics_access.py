"""Access rule of /metrics: by METRICS_TOKEN, or without it for this machine only."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

TOKEN_REQUIRED = "Send the METRICS_TOKEN of this installation: Authorization: Bearer TOKEN.\n"  # noqa: S105
LOCAL_ONLY = "Only this machine may read the metrics. To read them from another machine, set METRICS_TOKEN.\n"
# A local proxy also connects from loopback; each of these headers reveals a proxy.
_FORWARDED = ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP")


def refusal_reason(request: HttpRequest) -> tuple[int, str] | None:
    """Return status and reason of a refusal; None if the sender may read the metrics."""
    if settings.METRICS_TOKEN:
        expected = f"Bearer {settings.METRICS_TOKEN}"
        held = constant_time_compare(request.headers.get("Authorization", ""), expected)
        return None if held else (401, TOKEN_REQUIRED)
    return None if _is_local(request) else (403, LOCAL_ONLY)


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
