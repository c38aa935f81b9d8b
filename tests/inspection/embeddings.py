"""Parts as points, without images: for what is said of them once they are there."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from inspection.models import Embedding, Inspection, Product
from mltasks.vision.types import EMBEDDING_DIMENSIONS

Vector = NDArray[np.float32]


def unit_vector(angle: float, sideways: int = 1) -> Vector:
    """A point of length 1, turned by an angle in radians away from the first axis."""
    point = np.zeros(EMBEDDING_DIMENSIONS, np.float32)
    point[0], point[sideways] = np.cos(angle), np.sin(angle)
    return point


def random_vectors(seed: int, count: int) -> Vector:
    """Points ``[count, 256]`` of length 1, in a few heaps as parts are."""
    rng = np.random.default_rng(seed)
    heaps = rng.standard_normal((8, EMBEDDING_DIMENSIONS))
    drawn = heaps[rng.integers(8, size=count)] + 0.7 * rng.standard_normal((count, EMBEDDING_DIMENSIONS))
    found: Vector = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return found


def make_parts_with_embeddings(
    product: Product, vectors: Vector, *, space: str = "here", target: int | None = None
) -> list[Embedding]:
    """Waiting parts at these points, in bulk."""
    parts = [
        Inspection(
            product=product,
            state="decided",
            verdict="REVIEW",
            image_name="none.jpg",
            image_sha256=uuid4().hex * 2,
            image_format="JPEG",
            image_width=64,
            image_height=64,
            image_bytes=1000,
        )
        for _ in vectors
    ]
    Inspection.objects.bulk_create(parts, batch_size=2000)
    fields: dict[str, Any] = {"product": product, "space": space, "target": target}
    rows = [Embedding(inspection=part, vector=one, **fields) for part, one in zip(parts, vectors, strict=True)]
    return Embedding.objects.bulk_create(rows, batch_size=2000)
