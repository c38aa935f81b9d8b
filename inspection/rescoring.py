"""What another version would say of a part that has its verdict. Asked by a person; nothing is written."""

from __future__ import annotations

import logging

from inspection import storage
from inspection.models import Inspection
from inspection.refusals import CannotScore
from mltasks import serving
from mltasks.models import ModelVersion
from mltasks.vision import images
from mltasks.vision.bundle import BundleCorrupt
from mltasks.vision.types import Scores

logger = logging.getLogger(__name__)


def score_with(version: ModelVersion, inspection: Inspection) -> Scores:
    """Score the stored image by a version of the product's model, as it would have at intake; takes a part of a second,
    and some seconds where the version has to be loaded first.

    Raises CannotScore for a version of another model, and where the version's files or the image are gone.
    """
    if version.model_id != inspection.product.registered_model_id:
        raise CannotScore(f"{version} is no version of {inspection.product}.")
    try:
        scorer = serving.scorer(version)
        size = scorer.input_size
        return scorer.score([storage.load_image(inspection, size).array(size)])[0]
    except BundleCorrupt as error:
        logger.exception("Version %s can't score.", version)
        raise CannotScore(f"Version {version.number} can't be loaded any more.") from error
    except (FileNotFoundError, images.ImageError) as error:
        raise CannotScore("The image of this part can't be read any more.") from error
