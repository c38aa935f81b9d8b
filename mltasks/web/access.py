"""Access to pages: login, permissions and the check of the page's owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

View = Callable[..., HttpResponseBase]
ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponseBase])
REVIEWER_HEADER = "X-Reviewer"


def require_permission(permission: str) -> Callable[[ViewT], ViewT]:
    """Decorate a view: login for anonymous users, 403 for users without ``permission``."""

    def decorate(view: ViewT) -> ViewT:
        return login_required(permission_required(permission, raise_exception=True)(view))

    return decorate


may_view_models = require_permission("mltasks.view_modelversion")
may_train = require_permission("mltasks.add_trainingrun")


def current_user(request: HttpRequest) -> User:
    """Return the signed-in user. Raises PermissionDenied for an anonymous user."""
    if not isinstance(request.user, User):
        raise PermissionDenied(_("Log in first."))
    return request.user


def parse_row_id(text: str) -> int:
    """Return a row's id from a form; 0, which no row has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def require_page_owner(request: HttpRequest) -> None:
    """Compare the page's owner, if the request names one, with the signed-in user.

    Raises PermissionDenied if they differ.
    """
    belongs_to = request.headers.get(REVIEWER_HEADER)
    if belongs_to and belongs_to != str(request.user.pk):
        raise PermissionDenied(
            _("Another user opened this page. Reload it to continue as the user who is logged in now.")
        )
