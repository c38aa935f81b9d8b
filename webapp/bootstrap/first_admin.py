"""First login of a new installation."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from webapp.config import credentials


def make_first_admin(var: Path, username: str, password: str) -> str:
    """Create a superuser if there is none or ``username`` is missing; return a message.

    The message is "" if nothing was done. Empty values get defaults: ``admin``, and a generated password that is kept
    in VAR/credentials. An existing user is left unchanged.
    """
    if User.objects.filter(username=username).exists():
        return ""
    if not username and User.objects.filter(is_superuser=True).exists():
        return ""
    name, secret = username or "admin", password or credentials.generate_password()
    User.objects.create_superuser(name, password=secret)
    if password:
        return f"First admin: {name}, with the password of DJANGO_SUPERUSER_PASSWORD{_weakness_warning(password, name)}"
    credentials.save_login(var, name, secret)
    return f"First admin: {name}   password: {secret}   (printed only once; stored in {var / credentials.FILE_NAME})"


def _weakness_warning(password: str, name: str) -> str:
    """Return a warning if the password breaks the password rules, else ""."""
    try:
        validate_password(password, User(username=name))
    except ValidationError as error:
        return f". The password is weak. Change it at /password/: {' '.join(error.messages)}"
    return ""
