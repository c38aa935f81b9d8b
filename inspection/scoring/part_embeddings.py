"""Points for parts that serving gave none: imported ones, those that an older version scored, those nobody scored."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from inspection.images import image_files
from inspection.models import Embedding, Inspection
from mltasks.vision.data import decoding
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import DIMENSIONS

logger = logging.getLogger(__name__)

# Near nothing, and in no index: of an image that can't be read, so that no sweep tries it again in this space.
NOWHERE = np.zeros(DIMENSIONS, np.float32)


def point_of(part: Inspection, scorer: Scorer) -> NDArray[np.float32]:
    """Where the scorer's version sees the part; ``NOWHERE`` for an image that can't be read. The scorer has a space."""
    size = scorer.input_size
    try:
        image = image_files.load_image(part, size).array(size)
    except (decoding.ImageError, OSError) as error:
        logger.warning("%s can't be compared with others: %s", part.pk, error)
        return NOWHERE
    point = scorer.look(image).embedding
    if point is None:
        raise ValueError(f"Version {scorer.sha256[:8]} can't compare parts.")
    return point


def keep(part: Inspection, space: str, point: NDArray[np.float32]) -> None:
    """Write the part's point, over an earlier one; what its label says of it stays. Hold the part's lock."""
    row = Embedding(inspection=part, product_id=part.product_id, space=space, vector=point)
    moved = ["product", "space", "vector"]
    Embedding.objects.bulk_create([row], update_conflicts=True, unique_fields=["inspection"], update_fields=moved)


def is_nowhere(point: Embedding) -> bool:
    """Whether the part's image could not be read."""
    return not any(point.vector)
