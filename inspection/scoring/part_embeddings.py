"""Points for parts that serving gave none: imported ones, those that an older version scored, those nobody scored."""

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

# Near nothing, and in no index: of an image that can't be read, so that no sweep tries it again in this space.
NO_EMBEDDING = np.zeros(EMBEDDING_DIMENSIONS, np.float32)


def compute_embedding(part: Inspection, scorer: Scorer) -> NDArray[np.float32]:
    """Where the scorer's version sees the part; ``NO_EMBEDDING`` for an image that can't be read. The scorer has a
    space."""
    size = scorer.input_size
    try:
        image = image_files.load_image(part, size).to_array(size)
    except (decoding.ImageError, OSError) as error:
        logger.warning("%s can't be compared with others: %s", part.pk, error)
        return NO_EMBEDDING
    point = scorer.predict(image).embedding
    if point is None:
        raise ValueError(f"Version {scorer.sha256[:8]} can't compare parts.")
    return point


def save_embedding(part: Inspection, space: str, embedding: NDArray[np.float32]) -> None:
    """Write the part's point, over an earlier one; what its label says of it stays. Hold the part's lock."""
    row = Embedding(inspection=part, product_id=part.product_id, space=space, vector=embedding)
    moved = ["product", "space", "vector"]
    Embedding.objects.bulk_create([row], update_conflicts=True, unique_fields=["inspection"], update_fields=moved)


def has_no_embedding(embedding: Embedding) -> bool:
    """Whether the part's image could not be read."""
    return not any(embedding.vector)
