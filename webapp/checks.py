"""System checks over the settings: what is wrong, and what to do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    """Register all checks of this file with Django."""
    checks.register(check_secret_key)


def check_secret_key(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a short secret key."""
    if len(settings.SECRET_KEY) >= 40:
        return []
    return [checks.Error("SECRET_KEY is too short.", hint="Use 40 random characters.", id="webapp.E001")]
