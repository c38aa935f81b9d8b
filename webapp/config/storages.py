"""Django's storages of images and versions: on this machine's disk, or in a bucket that machines share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

STORAGE_ALIASES = ("media", "versions")


def local_storages(media_root: Path, versions_dir: Path) -> dict[str, Any]:
    """Return the storages of this machine's folders. `mltasks.storage.atomic_files` writes there durably."""
    backend = "django.core.files.storage.FileSystemStorage"
    folders = zip(STORAGE_ALIASES, (media_root, versions_dir), strict=True)
    return {alias: {"BACKEND": backend, "OPTIONS": {"location": folder}} for alias, folder in folders}


def s3_storages(bucket: str, prefix: str, *, endpoint_url: str = "", region: str = "") -> dict[str, Any]:
    """One bucket: images by their names below the prefix, versions below its ``versions/``."""
    shared = {"bucket_name": bucket, "endpoint_url": endpoint_url or None, "region_name": region or None}
    top = prefix.strip("/")
    places = {"media": top, "versions": f"{top}/versions".lstrip("/")}
    return {
        alias: {"BACKEND": "mltasks.storage.s3_bucket.Bucket", "OPTIONS": shared | {"location": places[alias]}}
        for alias in STORAGE_ALIASES
    }
