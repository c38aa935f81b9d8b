"""Parts that passed long ago, with real files."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from inspection.images import image_files
from inspection.models import Embedding, Fingerprint, Inspection, Product, ScoreMaps, Verdict
from labeling.history.retention import RetentionBatch, RetentionScope, prune
from tests.labeling.conftest import make_part

AGE = timedelta(days=100)
VECTOR = [0.0] * 256


def old_part(product: Product, *, content: bytes | None = None, age: timedelta = AGE, **fields: Any) -> Inspection:
    """A part that the model passed so long ago, with its image, its thumbnail and all that was kept of its scoring."""
    content = content or uuid4().bytes
    stored = image_files.store(io.BytesIO(content), "JPEG")
    image_files.store_thumbnail(stored.sha256, b"thumbnail of " + content)
    image = {"image_name": stored.name, "image_sha256": stored.sha256, "image_bytes": stored.size}
    part = make_part(product, **{"verdict": Verdict.PASS, **image, **fields})
    Inspection.objects.filter(pk=part.pk).update(received_at=timezone.now() - age)
    ScoreMaps.objects.create(inspection=part, packed=b"map")
    Embedding.objects.create(inspection=part, product=product, space="s", vector=VECTOR)
    Fingerprint.objects.create(inspection=part, width=1, height=1, texture=b"texture")
    part.refresh_from_db()
    return part


def stored_files(sha256: str) -> list[Path]:
    """What there is of an image below MEDIA_ROOT."""
    return sorted(path for path in Path(settings.MEDIA_ROOT).rglob(f"{sha256}.*") if path.is_file())


def retention_scope(product: Product, **options: Any) -> RetentionScope:
    """All that is older than three months."""
    return RetentionScope(product, timezone.now() - timedelta(days=90), **options)


def prune_all(product: Product, **options: Any) -> list[RetentionBatch]:
    """Remove it to the end."""
    return list(prune(retention_scope(product, **options)))


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
