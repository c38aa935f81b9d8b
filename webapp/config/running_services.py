"""Addresses of the embedded services of a VAR folder, written by the supervisor; secret key."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

FILE_NAME = "services.json"


def running_services(var: Path) -> dict[str, str]:
    """Return ``database_url`` and ``redis_url`` of the embedded services; empty if none."""
    try:
        addresses = json.loads((var / FILE_NAME).read_text())
    except FileNotFoundError:
        return {}
    return {str(name): str(value) for name, value in addresses.items()}


def write_services(var: Path, addresses: Mapping[str, str]) -> None:
    """Write the services' addresses atomically for every process with this VAR, mode 0600."""
    write_private(var / FILE_NAME, json.dumps(addresses))


def remove_services(var: Path) -> None:
    """Remove the addresses: no embedded service runs."""
    (var / FILE_NAME).unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 atomically, replacing an existing one."""
    _write_temporary(path, text).replace(path)


def secret_key(var: Path) -> str:
    """Return the secret key of this VAR folder, created (mode 0600) at the first call.

    Raises ImproperlyConfigured when the folder cannot be written.
    """
    path = var / "secret_key"
    try:
        return path.read_text().strip() if path.exists() else _make_secret_key(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{var} cannot be used ({error.strerror}). Make it writable, name another folder in VAR, or set SECRET_KEY."
        ) from None


def _make_secret_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = secrets.token_urlsafe(50)
    temporary = _write_temporary(path, made)
    try:
        # A link fails if the file exists, where a rename would overwrite it: of two processes at once, one key wins.
        os.link(temporary, path)
    except FileExistsError:
        made = path.read_text().strip()
    finally:
        temporary.unlink()
    return made


def _write_temporary(path: Path, text: str) -> Path:
    made = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return made
