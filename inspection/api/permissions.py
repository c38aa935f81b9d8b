"""Permissions to send parts and to view inspections."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from inspection.api.authentication import request_station


class IsStation(BasePermission):
    """Permission to send parts: stations only; people use the dashboard."""

    message = "Send parts with a station key. People upload images on the dashboard."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if a station sent the request."""
        return request_station(request) is not None


class CanViewInspections(BasePermission):
    """Permission to view inspections: stations for their own product, and people who may view."""

    message = "You may not view inspections."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the sender may view inspections."""
        return request_station(request) is not None or request.user.has_perm("inspection.view_inspection")
