"""Address of who sent a request, as far as trusted proxies can tell it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
# A household or a machine in a data center owns all addresses of a /64.
_IPV6_OWNER_PREFIX = 64


def client_address(request: HttpRequest) -> Address | None:
    """Return the sender's address: the connection's, or what TRUSTED_PROXIES wrote into X-Forwarded-For.

    The header is read from the right, because proxies append: the first address that is no trusted proxy counts, and
    whatever the sender itself wrote stands further left. Return None where the connection has no address.
    """
    found = _parse_address(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    while found is not None and forwarded and is_trusted_proxy(found):
        earlier = _parse_address(forwarded.pop())
        if earlier is None:
            break
        found = earlier
    return found


def lockout_address(request: HttpRequest) -> str | None:
    """Return the address that failed logins count for (AXES_CLIENT_IP_CALLABLE): of IPv6 the network of one owner."""
    found = client_address(request)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, _IPV6_OWNER_PREFIX), strict=False).network_address)
    return str(found) if found else None


def is_trusted_proxy(address: Address) -> bool:
    """Return True if the address is one of TRUSTED_PROXIES."""
    return any(address in ip_network(text, strict=False) for text in settings.TRUSTED_PROXIES)


def _parse_address(text: str) -> Address | None:
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
