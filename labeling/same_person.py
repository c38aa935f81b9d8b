"""A page that stayed open while somebody else logged in must not speak in that person's name."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext as _

HEADER = "X-Reviewer"


def refuse_stranger(request: HttpRequest) -> None:
    """Compare whom the page belongs to, where it says so, with who is logged in. Raises PermissionDenied."""
    belongs_to = request.headers.get(HEADER)
    if belongs_to and belongs_to != str(request.user.pk):
        raise PermissionDenied(_("This page belongs to another person than the one who is logged in now."))
