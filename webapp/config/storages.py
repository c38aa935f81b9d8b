"""Django storages of images and versions: local folders, or a bucket shared by machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

STORAGE_ALIASES = ("media", "versions")


def local_storages(media_root: Path, versions_dir: Path) -> dict[str, Any]:
    """Return the storages of local folders; `mltasks.storage.atomic_files` writes there durably."""
    backend = "django.core.files.storage.FileSystemStorage"
    folders = zip(STORAGE_ALIASES, (media_root, versions_dir), strict=True)
    return {alias: {"BACKEND": backend, "OPTIONS": {"location": folder}} for alias, folder in folders}


def s3_storages(bucket: str, prefix: str, *, endpoint_url: str = "", region: str = "") -> dict[str, Any]:
    """Return the storages of one bucket: images below the prefix, versions in ``versions/``."""
    shared = {"bucket_name": bucket, "endpoint_url": endpoint_url or None, "region_name": region or None}
    top = prefix.strip("/")
    places = {"media": top, "versions": f"{top}/versions".lstrip("/")}
    return {
        alias: {"BACKEND": "mltasks.storage.s3_bucket.Bucket", "OPTIONS": shared | {"location": places[alias]}}
        for alias in STORAGE_ALIASES
    }
