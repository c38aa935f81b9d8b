"""Rules for failed logins: by person and address, by person, and by address.

1. ``AXES_FAILURE_LIMIT`` failures of one name from one address lock that name for that address.
2. ``MOST_OF_ONE_NAME`` failures of one name from anywhere lock that name: guessing from many machines.
3. ``MOST_NAMES`` names that failed from one address, and did not log in since, lock that address: one password tried on
   many names. A plant behind one address stays below it: who mistyped and then logs in does not count any more.

A lock ends by itself ``AXES_COOLOFF_TIME`` after the last failure that counted. Sessions that are open go on.
"""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username, get_failure_limit
from axes.models import AccessAttempt
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

MOST_OF_ONE_NAME = 100
MOST_NAMES = 100
# As long as the column of the failures; longer names are nobody's.
LONGEST_NAME = 255


class LockoutHandler(AxesDatabaseHandler):
    """Handler of failed logins with a limit for each of the three rules."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures of the name from the address; the limit itself where another rule locks."""
        own: int = super().get_failures(request, credentials)
        limit: int = get_failure_limit(request, credentials)
        locked = _is_guessed(get_client_username(request, credentials), request) or _is_sprayed_from(request)
        return max(own, limit) if locked else own


def name_of_login(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """Return the name that somebody tried to log in with, as much of it as can be recorded."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name)[:LONGEST_NAME]


def _is_guessed(name: str | None, request: HttpRequest) -> bool:
    failures = _recent(request).filter(username=name).aggregate(all=Sum("failures_since_start"))["all"]
    return name is not None and (failures or 0) >= MOST_OF_ONE_NAME


def _is_sprayed_from(request: Any) -> bool:
    names = _recent(request).filter(ip_address=request.axes_ip_address).values("username").distinct()
    return request.axes_ip_address is not None and names.count() >= MOST_NAMES


def _recent(request: HttpRequest) -> QuerySet[AccessAttempt]:
    attempts: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
    return attempts
