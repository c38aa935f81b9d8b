"""Authentication of stations by ``Authorization: Api-Key <key>``, and intake permissions."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework_api_key.permissions import KeyParser

from inspection.models import Station, StationKey

# The library's key format: a prefix of 8 characters and a secret of 32.
KEY_PATTERN = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")


class StationKeyAuthentication(BaseAuthentication):
    """Authentication by station key: the user is anonymous, ``request.auth`` is the StationKey."""

    parser = KeyParser()

    def authenticate(self, request: Request) -> tuple[AnonymousUser, StationKey] | None:
        """Return an anonymous user and the key's row; None for another authentication scheme.

        Raises AuthenticationFailed for a wrong, revoked or expired key.
        """
        key = self.parser.get(request._request)
        if key is None:
            return None
        usable = StationKey.objects.get_usable_keys().select_related("station__product__registered_model")
        row = usable.filter(prefix=key.partition(".")[0]).first() if KEY_PATTERN.fullmatch(key) else None
        if row is None or not row.is_valid(key) or row.has_expired:
            raise AuthenticationFailed("The station key is wrong, expired or revoked.")
        return AnonymousUser(), row

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme that a 401 names in ``WWW-Authenticate``."""
        return KeyParser.keyword


def request_station(request: Request) -> Station | None:
    """Return the station that sent the request; None for a person."""
    return request.auth.station if isinstance(request.auth, StationKey) else None


class IsStation(BasePermission):
    """Permission to send parts: stations only; people use the dashboard."""

    message = "Send parts with a station key. People upload images on the dashboard."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if a station sent the request."""
        return request_station(request) is not None


class CanViewInspections(BasePermission):
    """Permission to view inspections: stations for their own product, and people who may view."""

    message = "You may not view inspections. Ask an admin to add you to a group."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the sender may view inspections."""
        return request_station(request) is not None or request.user.has_perm("inspection.view_inspection")
