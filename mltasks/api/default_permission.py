"""Default permission of the REST API: what a view without a permission of its own asks of people."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class SeesVersions(BasePermission):
    """Permission to read versions, reports and runs, as the pages below /models/ ask for it. Every group has it."""

    message = "You may not view model versions. Ask an administrator to add you to a group."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the person may view model versions."""
        return request.user.has_perm("mltasks.view_modelversion")
