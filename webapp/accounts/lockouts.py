"""Lockout rules for failed logins: by name and address, by name, and by address.

1. ``AXES_FAILURE_LIMIT`` failures of one name from one address lock that name for that address.
2. ``MAX_FAILURES_PER_NAME`` failures of one name from any address lock that name (guessing from many machines).
3. ``MAX_NAMES_PER_ADDRESS`` names with failures from one address lock that address (one password tried on many
   names). A name that logs in afterwards no longer counts, so a plant behind one address stays below this limit.

A lock ends ``AXES_COOLOFF_TIME`` after the last failure that counted. Open sessions continue.
"""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username, get_failure_limit
from axes.models import AccessAttempt
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

MAX_FAILURES_PER_NAME = 100
MAX_NAMES_PER_ADDRESS = 100
# Length of the failures' column; no account has a longer name.
MAX_NAME_LENGTH = 255


class LockoutHandler(AxesDatabaseHandler):
    """Handler of failed logins with a limit for each of the three rules."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the name's failures from the address; at least the limit if another rule locks."""
        own: int = super().get_failures(request, credentials)
        limit: int = get_failure_limit(request, credentials)
        locked = _is_name_locked(get_client_username(request, credentials), request) or _is_address_locked(request)
        return max(own, limit) if locked else own


def login_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """Return the name of a login attempt, cut to the length that can be recorded."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name)[:MAX_NAME_LENGTH]


def _is_name_locked(name: str | None, request: HttpRequest) -> bool:
    failures = _recent_attempts(request).filter(username=name).aggregate(all=Sum("failures_since_start"))["all"]
    return name is not None and (failures or 0) >= MAX_FAILURES_PER_NAME


def _is_address_locked(request: Any) -> bool:
    names = _recent_attempts(request).filter(ip_address=request.axes_ip_address).values("username").distinct()
    return request.axes_ip_address is not None and names.count() >= MAX_NAMES_PER_ADDRESS


def _recent_attempts(request: HttpRequest) -> QuerySet[AccessAttempt]:
    attempts: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
    return attempts
