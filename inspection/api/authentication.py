"""Authentication of stations by ``Authorization: Api-Key <key>``, and intake permissions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework_api_key.permissions import KeyParser

from inspection.models import Station, StationKey

# The library's key format: a prefix of 8 characters and a secret of 32.
KEY_PATTERN = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")
# A key with its station, product and model in PostgreSQL's own columns, which change with every write of a row.
_KEY_STATE = """
    SELECT key.id, key.xmin::text, key.ctid::text, station.xmin::text, station.ctid::text,
        product.xmin::text, product.ctid::text, model.xmin::text, model.ctid::text
    FROM inspection_stationkey key
    JOIN inspection_station station ON station.id = key.station_id
    JOIN inspection_product product ON product.id = station.product_id
    JOIN mltasks_registeredmodel model ON model.id = product.registered_model_id
    WHERE key.prefix = %s AND NOT key.revoked
"""
# Loaded keys of a process, each with its station and product
MAX_LOADED_KEYS = 512


def check_key(key: str) -> StationKey:
    """Return the row of a station key. Raises AuthenticationFailed for a wrong, revoked or expired key."""
    row = usable_key(key.partition(".")[0]) if KEY_PATTERN.fullmatch(key) else None
    if row is None or not row.is_valid(key) or row.has_expired:
        raise AuthenticationFailed("The station key is wrong, expired or revoked.")
    return row


def usable_key(prefix: str) -> StationKey | None:
    """Return the key with this prefix unless it is revoked; its rows are loaded again after each change.

    Requests share the key, its station and its product, so they must not change them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEY_STATE, [prefix])
        state = cursor.fetchone()
    return _load_key(*state) if state else None


@lru_cache(MAX_LOADED_KEYS)
def _load_key(key: str, *_state: str) -> StationKey | None:
    return StationKey.objects.select_related("station__product__registered_model").filter(pk=key).first()


class StationKeyAuthentication(BaseAuthentication):
    """Authentication by station key: the user is anonymous, ``request.auth`` is the StationKey."""

    parser = KeyParser()

    def authenticate(self, request: Request) -> tuple[AnonymousUser, StationKey] | None:
        """Return an anonymous user and the key's row; None for another authentication scheme.

        Raises AuthenticationFailed for a wrong, revoked or expired key.
        """
        key = self.parser.get(request._request)
        return None if key is None else (AnonymousUser(), check_key(key))

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
