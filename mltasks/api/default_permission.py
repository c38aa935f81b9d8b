"""Permission classes of the REST API that require one permission."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HasPermission(BasePermission):
    """Base of the classes that ``requires`` returns."""

    permission: ClassVar[str]
    message: ClassVar[str]

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the user has the permission."""
        return request.user.has_perm(self.permission)


def requires(permission: str, message: str) -> type[HasPermission]:
    """Return a class that requires the permission; users without it get the message."""
    return type("Requires", (HasPermission,), {"permission": permission, "message": message})


# Default of views without their own permission, the same as for the pages below /models/. Every group has it.
CanViewVersions = requires(
    "mltasks.view_modelversion", "You may not view model versions. Ask an admin to add you to a group."
)
