"""Embeddings of parts that scoring gave none: imported, scored by old versions, or unscored."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from inspection.images import image_files
from inspection.models import Embedding, Inspection
from mltasks.vision.data import decoding
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import EMBEDDING_DIMENSIONS

logger = logging.getLogger(__name__)

# Embedding of an unreadable image: near no other, in no index, and never computed again in this space.
NO_EMBEDDING = np.zeros(EMBEDDING_DIMENSIONS, np.float32)


def compute_embedding(part: Inspection, scorer: Scorer) -> NDArray[np.float32]:
    """Return the part's embedding in the scorer's space; ``NO_EMBEDDING`` if unreadable.

    Raises ValueError if the scorer has no embedding space.
    """
    size = scorer.input_size
    try:
        image = image_files.load_image(part, size).to_array(size)
    except (decoding.ImageError, OSError) as error:
        logger.warning("Could not compute the embedding of part %s: %s", part.pk, error)
        return NO_EMBEDDING
    point = scorer.predict(image).embedding
    if point is None:
        raise ValueError(f"Version {scorer.sha256[:8]} has no embedding space.")
    return point


def save_embedding(part: Inspection, space: str, embedding: NDArray[np.float32]) -> None:
    """Write the part's embedding and keep its target. The caller holds the part's lock."""
    row = Embedding(inspection=part, product_id=part.product_id, space=space, vector=embedding)
    moved = ["product", "space", "vector"]
    Embedding.objects.bulk_create([row], update_conflicts=True, unique_fields=["inspection"], update_fields=moved)


def add_embedding(part: Inspection, space: str, embedding: NDArray[np.float32]) -> None:
    """Write the part's embedding, unless it has one: the existing one may be of a newer version.

    The caller holds the part's lock.
    """
    row = Embedding(inspection=part, product_id=part.product_id, space=space, vector=embedding)
    Embedding.objects.bulk_create([row], ignore_conflicts=True)


def has_no_embedding(embedding: Embedding) -> bool:
    """Return True if the part's image could not be read."""
    return not any(embedding.vector)
