"""Permissions of the REST API that ask for one permission of the person.

``SeesVersions`` is the default: what a view without a permission of its own asks for.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HasPermission(BasePermission):
    """Base of the classes that ask for one permission; ``message`` is what people without it read."""

    permission: ClassVar[str]
    message: ClassVar[str]

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the person has the permission."""
        return request.user.has_perm(self.permission)


class SeesVersions(HasPermission):
    """Permission to read versions, reports and runs, as the pages below /models/ ask for it. Every group has it."""

    permission = "mltasks.view_modelversion"
    message = "You may not view model versions. Ask an administrator to add you to a group."
