"""Client address of a request, as reported by trusted proxies."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
# A household or a machine in a data center usually owns a whole /64.
_IPV6_OWNER_PREFIX = 64


def client_address(request: HttpRequest) -> Address | None:
    """Return the connection's address, or the one that trusted proxies report.

    X-Forwarded-For is read from the right, because proxies append: the first address outside TRUSTED_PROXIES counts.
    Whatever the client wrote itself is further left. Return None if the connection has no address.
    """
    address = _parse_address(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    proxies = [ip_network(text, strict=False) for text in settings.TRUSTED_PROXIES]
    while address is not None and forwarded and any(address in network for network in proxies):
        reported = _parse_address(forwarded.pop())
        if reported is None:
            break
        address = reported
    return address


def lockout_address(request: HttpRequest) -> str | None:
    """Return the address for failed logins (AXES_CLIENT_IP_CALLABLE); for IPv6 the /64 network."""
    address = client_address(request)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_OWNER_PREFIX), strict=False).network_address)
    return str(address) if address else None


def _parse_address(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
