"""Names of masks below MEDIA_ROOT: by their content, as of images."""

from __future__ import annotations

from pathlib import Path


def mask_name(sha256: str) -> str:
    """Return the path below MEDIA_ROOT of the mask with this sha256."""
    return f"masks/{sha256[:2]}/{sha256}.png"


def mask_sha256(path: Path) -> str:
    """Return the sha256 in the path of a mask."""
    return path.stem
