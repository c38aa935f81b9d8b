"""Mask files, named by their content and stored where images are.

Masks belong to labels, which are never deleted, so masks are never removed.
"""

from __future__ import annotations

import hashlib
import io

from inspection.images import image_files
from mltasks.models.mask_names import mask_name


def hash_mask(png: bytes) -> str:
    """Return the hash by which the mask is stored."""
    return hashlib.sha256(png).hexdigest()


def store_mask(png: bytes) -> str:
    """Store a mask durably, unless it is stored already; return its sha256.

    Raises DiskFull and StoreUnavailable as ``image_files.store``.
    """
    sha256 = hash_mask(png)
    image_files.image_store().put(io.BytesIO(png), mask_name(sha256), sha256, len(png))
    return sha256
