"""System checks of the settings for unsafe and invalid values, with hints."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1", ".localhost", "testserver"}
_MIN_KEY_LENGTH, _MIN_TOKEN_LENGTH, _MIN_DISTINCT_CHARACTERS = 40, 20, 10
_PLACEHOLDERS = ("insecure", "changeme", "change-me", "replace", "example", "your-secret", "secret-key")
# Equal to the names in mltasks.vision.networks.backbones, which imports torch and so can't be imported here.
KNOWN_BACKBONES = frozenset({"resnet18"})
_BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}")
_HTTP_ADDRESS = re.compile(r"https?://[^\s/?#]+/?")
_WEIGHT_NAMES = frozenset({"auto", "imagenet", "shipped", "random"})


def unusable_networks(networks: Iterable[str]) -> list[str]:
    """Return the texts that are no address or network, or that match every address."""
    return [text for text in networks if not _is_network(text)]


def _is_network(text: str) -> bool:
    try:
        return ip_network(text, strict=False).prefixlen > 0
    except ValueError:
        return False


def register_checks() -> None:
    """Register all checks of this module with Django."""
    for check in _CHECKS:
        checks.register(check)
    # Runs only for commands that need the database; other commands run before there is one.
    checks.register(check_database_configured, checks.Tags.database)


def require_safe_settings() -> None:
    """Raise ImproperlyConfigured with all errors of these checks.

    For servers, which run no checks themselves.
    """
    found = [message for look in _CHECKS for message in look(None)]
    if found:
        raise ImproperlyConfigured("\n".join(f"{message.msg} {message.hint}" for message in found))


def check_environment(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse invalid numbers and truth values."""
    hint = "Correct it in the environment or in .env. All variables are in .env.example."
    return [checks.Error(problem, hint=hint, id="webapp.E002") for problem in settings.ENVIRONMENT_PROBLEMS]


def check_secret_key(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a secret key that is short, has few different characters, or is from an example."""
    key = settings.SECRET_KEY
    hint = "Set SECRET_KEY to 50 random characters, or leave it out: a key is then generated and stored in VAR."
    if len(key) < _MIN_KEY_LENGTH or len(set(key)) < _MIN_DISTINCT_CHARACTERS:
        return [checks.Error("SECRET_KEY is too short to be secret.", hint=hint, id="webapp.E001")]
    if any(word in key.lower() for word in _PLACEHOLDERS):
        return [checks.Error("SECRET_KEY is a placeholder.", hint=hint, id="webapp.E001")]
    return []


def check_hosts(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a wildcard host, and debug pages for other machines."""
    hosts = settings.ALLOWED_HOSTS
    if any(host == "*" for host in hosts):
        hint = "Name the hosts that people use, such as ALLOWED_HOSTS=look.plant.example,127.0.0.1"
        return [checks.Error("ALLOWED_HOSTS allows every host name.", hint=hint, id="webapp.E003")]
    others = [host for host in hosts if host not in _LOOPBACK]
    if settings.DEBUG and others:
        hint = "Set DEBUG=0: its error pages show the settings to everybody."
        return [checks.Error(f"DEBUG is on while {', '.join(others)} is served.", hint=hint, id="webapp.E004")]
    return []


def check_metrics_token(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a guessable token for /metrics."""
    token = settings.METRICS_TOKEN
    if not token or (len(token) >= _MIN_TOKEN_LENGTH and len(set(token)) >= _MIN_DISTINCT_CHARACTERS):
        return []
    hint = "Set METRICS_TOKEN to 32 random letters and digits, or leave it out to allow only this machine."
    return [checks.Error("METRICS_TOKEN is too short to be secret.", hint=hint, id="webapp.E012")]


def check_trusted_proxies(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse proxies that are no addresses, and networks that match every address."""
    hint = "Set TRUSTED_PROXIES to the addresses or networks of your proxies, such as 10.0.0.5,172.18.0.0/16"
    return [
        checks.Error(f"TRUSTED_PROXIES: {text!r} is not an address or network of proxies.", hint=hint, id="webapp.E013")
        for text in unusable_networks(settings.TRUSTED_PROXIES)
    ]


def check_folders(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse folders that can't be written."""
    folders = {"VAR": settings.VAR}
    if settings.MEDIA_STORE == "local":
        folders["MEDIA_ROOT"] = settings.MEDIA_ROOT
    return [
        checks.Error(
            f"{name}, {folder}, cannot be written.",
            hint=f"Make it writable for the user who runs this, or name another folder in {name}.",
            id="webapp.E005",
        )
        for name, folder in folders.items()
        if not _is_writable(Path(folder))
    ]


def check_backbone(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse an unknown network and missing weights."""
    found: list[checks.CheckMessage] = []
    if settings.BACKBONE not in KNOWN_BACKBONES:
        hint = f"Known: {', '.join(sorted(KNOWN_BACKBONES))}."
        found.append(checks.Error(f"BACKBONE {settings.BACKBONE!r} is unknown.", hint=hint, id="webapp.E006"))
    weights = settings.BACKBONE_WEIGHTS
    if weights not in _WEIGHT_NAMES and not Path(weights).is_file():
        hint = f"Name a file, or one of: {', '.join(sorted(_WEIGHT_NAMES))}."
        found.append(checks.Error(f"BACKBONE_WEIGHTS: there is no file {weights}.", hint=hint, id="webapp.E007"))
    return found


def check_store(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a bucket without a valid name or address, and a bucket that is not used."""
    found: list[checks.CheckMessage] = []
    shared = settings.MEDIA_STORE == "s3"
    if shared and not _BUCKET_NAME.fullmatch(settings.S3_BUCKET):
        said = f"MEDIA_STORE is s3 and S3_BUCKET, {settings.S3_BUCKET!r}, is not a valid bucket name."
        hint = "Set S3_BUCKET to the bucket for images and versions, or MEDIA_STORE=local for the local disk."
        found.append(checks.Error(said, hint=hint, id="webapp.E009"))
    if shared and settings.S3_ENDPOINT_URL and not _HTTP_ADDRESS.fullmatch(settings.S3_ENDPOINT_URL):
        said = f"S3_ENDPOINT_URL, {settings.S3_ENDPOINT_URL!r}, is not a valid address."
        hint = "Set it to the server's address, such as http://minio:9000, or leave it out for AWS."
        found.append(checks.Error(said, hint=hint, id="webapp.E010"))
    if settings.S3_BUCKET and not shared:
        hint = "Set MEDIA_STORE=s3 to store images and versions there, or leave S3_BUCKET out."
        found.append(checks.Error("S3_BUCKET is set, but MEDIA_STORE is local.", hint=hint, id="webapp.E011"))
    return found


def check_database_configured(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse to start without a database: none in DATABASE_URL, none embedded."""
    if not databases or settings.DATABASE_FOUND:
        return []
    hint = "Start the system with `make up` and the same VAR, or set DATABASE_URL to a PostgreSQL server."
    return [
        checks.Error(
            f"No database: DATABASE_URL is empty and no server runs in {settings.VAR}.", hint=hint, id="webapp.E008"
        )
    ]


def _is_writable(folder: Path) -> bool:
    """Return True if the folder, or its nearest existing parent, can be written."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


_CHECKS = (
    check_environment,
    check_secret_key,
    check_hosts,
    check_metrics_token,
    check_trusted_proxies,
    check_folders,
    check_backbone,
    check_store,
)
