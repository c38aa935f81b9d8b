"""Who may send parts, and who may see them."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from inspection.api.authentication import request_station


class IsStation(BasePermission):
    """Only camera stations send parts here; people use the dashboard."""

    message = "Only a station's key may send parts here."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether a station sent it."""
        return request_station(request) is not None


class CanViewInspections(BasePermission):
    """Stations, for their own product, and people who may view inspections."""

    message = "You may not view inspections."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the sender may see any inspections at all."""
        return request_station(request) is not None or request.user.has_perm("inspection.view_inspection")
