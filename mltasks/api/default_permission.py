"""Permission classes of the REST API that ask for one permission of the person."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HasPermission(BasePermission):
    """Base of the classes that ``requires`` returns."""

    permission: ClassVar[str]
    message: ClassVar[str]

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the person has the permission."""
        return request.user.has_perm(self.permission)


def requires(permission: str, message: str) -> type[HasPermission]:
    """Return the class that asks for the permission; people without it read the message."""
    return type("Requires", (HasPermission,), {"permission": permission, "message": message})


# Default of views without a permission of their own, as the pages below /models/ ask for it. Every group has it.
CanViewVersions = requires(
    "mltasks.view_modelversion", "You may not view model versions. Ask an administrator to add you to a group."
)
