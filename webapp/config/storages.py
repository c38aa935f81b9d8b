"""Django storages of images and versions: local folders, or a bucket shared by machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def local_storages(media_root: Path, versions_dir: Path) -> dict[str, Any]:
    """Return the storages of local folders; `mltasks.storage.atomic_files` writes there durably."""
    backend = "django.core.files.storage.FileSystemStorage"
    folders = {"media": media_root, "versions": versions_dir}
    return {alias: {"BACKEND": backend, "OPTIONS": {"location": folder}} for alias, folder in folders.items()}


def s3_storages(bucket: str, prefix: str, *, endpoint_url: str = "", region: str = "") -> dict[str, Any]:
    """Return the storages of one bucket: images below the prefix, versions in ``versions/``."""
    shared = {"bucket_name": bucket, "endpoint_url": endpoint_url or None, "region_name": region or None}
    top = prefix.strip("/")
    locations = {"media": top, "versions": f"{top}/versions".lstrip("/")}
    backend = "mltasks.storage.s3_bucket.Bucket"
    return {
        alias: {"BACKEND": backend, "OPTIONS": shared | {"location": folder}} for alias, folder in locations.items()
    }
