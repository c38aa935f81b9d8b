"""System checks of the settings for unsafe and invalid values, with hints."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1", ".localhost", "testserver"}
_MIN_KEY_LENGTH, _MIN_TOKEN_LENGTH, _MIN_DISTINCT_CHARACTERS = 40, 20, 10
_PLACEHOLDERS = ("insecure", "changeme", "change-me", "replace", "example", "your-secret", "secret-key")
# Equal to the names in mltasks.vision.networks.feature_networks, which imports torch and so cannot be imported here.
KNOWN_BACKBONES = frozenset(
    {
        "convnext_tiny",
        "efficientnet_b0",
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
        "mobilenet_v3_large",
        "resnet18",
        "resnet50",
        "wide_resnet50_2",
    }
)
_BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}")
_HTTP_ADDRESS = re.compile(r"https?://[^\s/?#]+/?")
_WEIGHT_NAMES = frozenset({"auto", "imagenet", "packaged", "shipped", "random"})


def register_checks() -> None:
    """Register all checks of this module with Django."""
    for check in _CHECKS:
        checks.register(check)
    # Runs only for commands that need the database; other commands run before there is one.
    checks.register(check_database_configured, checks.Tags.database)


def require_safe_settings() -> None:
    """Raise ImproperlyConfigured with all errors; for servers, which run no checks."""
    errors = [error for check in _CHECKS for error in check(None)]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.msg} {error.hint}" for error in errors))


def check_environment(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse invalid numbers and truth values."""
    hint = "Correct it in the environment or in .env. All variables are in .env.example."
    return [_error("webapp.E002", problem, hint) for problem in settings.ENVIRONMENT_PROBLEMS]


def check_secret_key(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse a secret key that is short, has few different characters, or is from an example."""
    key = settings.SECRET_KEY
    hint = "Set SECRET_KEY to 50 random characters, or leave it out: a key is then generated and stored in VAR."
    if len(key) < _MIN_KEY_LENGTH or len(set(key)) < _MIN_DISTINCT_CHARACTERS:
        return [_error("webapp.E001", "SECRET_KEY is too short to be secret.", hint)]
    if any(word in key.lower() for word in _PLACEHOLDERS):
        return [_error("webapp.E001", "SECRET_KEY is a placeholder.", hint)]
    return []


def check_hosts(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse a wildcard host, and debug pages for other machines."""
    hosts = settings.ALLOWED_HOSTS
    if "*" in hosts:
        hint = "Name the hosts that people use, such as ALLOWED_HOSTS=look.plant.example,127.0.0.1"
        return [_error("webapp.E003", "ALLOWED_HOSTS allows every host name.", hint)]
    remote = [host for host in hosts if host not in _LOOPBACK]
    if settings.DEBUG and remote:
        hint = "Set DEBUG=0: its error pages show the settings to everybody."
        return [_error("webapp.E004", f"DEBUG is on while {', '.join(remote)} is served.", hint)]
    return []


def check_metrics_token(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse a guessable token for /metrics."""
    token = settings.METRICS_TOKEN
    if not token or (len(token) >= _MIN_TOKEN_LENGTH and len(set(token)) >= _MIN_DISTINCT_CHARACTERS):
        return []
    hint = "Set METRICS_TOKEN to 32 random letters and digits, or leave it out to allow only this machine."
    return [_error("webapp.E012", "METRICS_TOKEN is too short to be secret.", hint)]


def check_trusted_proxies(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse proxies that are no addresses, and networks that match every address."""
    hint = "Set TRUSTED_PROXIES to the addresses or networks of your proxies, such as 10.0.0.5,172.18.0.0/16"
    return [
        _error("webapp.E013", f"TRUSTED_PROXIES: {text!r} is not an address or network of proxies.", hint)
        for text in settings.TRUSTED_PROXIES
        if not _is_network(text)
    ]


def check_folders(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse folders that cannot be written."""
    folders = {"VAR": settings.VAR}
    if settings.MEDIA_STORE == "local":
        folders["MEDIA_ROOT"] = settings.MEDIA_ROOT
    hint = "Make it writable for the user who runs this, or name another folder in {name}."
    return [
        _error("webapp.E005", f"{name}, {folder}, cannot be written.", hint.format(name=name))
        for name, folder in folders.items()
        if not _is_writable(Path(folder))
    ]


def check_backbone(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse an unknown network and missing weights."""
    errors = []
    if settings.BACKBONE not in KNOWN_BACKBONES:
        hint = f"Known: {', '.join(sorted(KNOWN_BACKBONES))}."
        errors.append(_error("webapp.E006", f"BACKBONE {settings.BACKBONE!r} is unknown.", hint))
    weights = settings.BACKBONE_WEIGHTS
    if weights not in _WEIGHT_NAMES and not Path(weights).is_file():
        hint = f"Name a file, or one of: {', '.join(sorted(_WEIGHT_NAMES))}."
        errors.append(_error("webapp.E007", f"BACKBONE_WEIGHTS: there is no file {weights}.", hint))
    return errors


def check_store(app_configs: Any, **kwargs: Any) -> list[checks.Error]:
    """Refuse a bucket without a valid name or address, and a bucket that is not used."""
    errors = []
    bucket, address, shared = settings.S3_BUCKET, settings.S3_ENDPOINT_URL, settings.MEDIA_STORE == "s3"
    if shared and not _BUCKET_NAME.fullmatch(bucket):
        hint = "Set S3_BUCKET to the bucket for images and versions, or MEDIA_STORE=local for the local disk."
        problem = f"MEDIA_STORE is s3 and S3_BUCKET, {bucket!r}, is not a valid bucket name."
        errors.append(_error("webapp.E009", problem, hint))
    if shared and address and not _HTTP_ADDRESS.fullmatch(address):
        hint = "Set it to the server's address, such as http://minio:9000, or leave it out for AWS."
        errors.append(_error("webapp.E010", f"S3_ENDPOINT_URL, {address!r}, is not a valid address.", hint))
    if bucket and not shared:
        hint = "Set MEDIA_STORE=s3 to store images and versions there, or leave S3_BUCKET out."
        errors.append(_error("webapp.E011", "S3_BUCKET is set, but MEDIA_STORE is local.", hint))
    return errors


def check_database_configured(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.Error]:
    """Refuse to start without a database: none in DATABASE_URL, none embedded."""
    if not databases or settings.DATABASE_FOUND:
        return []
    hint = "Start the system with `make up` and the same VAR, or set DATABASE_URL to a PostgreSQL server."
    return [_error("webapp.E008", f"No database: no DATABASE_URL, and no server runs in {settings.VAR}.", hint)]


def _error(check_id: str, problem: str, hint: str) -> checks.Error:
    return checks.Error(problem, hint=hint, id=check_id)


def _is_network(text: str) -> bool:
    """Return True for an address or network that does not match every address."""
    try:
        return ip_network(text, strict=False).prefixlen > 0
    except ValueError:
        return False


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
