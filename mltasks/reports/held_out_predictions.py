"""Out-of-fold predictions of versions, read from their reports."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from mltasks.models import ModelVersion
from mltasks.storage import version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving import bundle
from mltasks.vision.types import DEFECT

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldOutPrediction:
    """Out-of-fold prediction of a version for one image, with the image's label then.

    ``model_verdict`` is the verdict at the version's own operating point.
    """

    name: str
    target: int
    defect_type: str
    model_verdict: str
    probability: float

    @property
    def fails(self) -> bool:
        return self.model_verdict == "FAIL"

    def is_correct(self, target: int) -> bool:
        return self.fails == (target == DEFECT)


def load_held_out(version: ModelVersion) -> Mapping[str, HeldOutPrediction] | None:
    """Return the version's prediction for each evaluated image, by the image's sha256.

    None if the version's directory is missing, cannot be fetched now or has no predictions.
    """
    try:
        folder = version_store.ensure_local(version)
        rows = json.loads((folder / bundle.REPORT).read_text(encoding="utf-8"))["predictions"]
        return {
            row["sha256"]: HeldOutPrediction(
                row["name"], row["target"], row["defect_type"], row["label"], row["defect_probability"]
            )
            for row in rows
        }
    except FileNotFoundError:
        return None
    except (bundle.BundleCorrupt, StoreUnreachable, ValueError, KeyError, TypeError) as error:
        logger.warning("No predictions of %s: %r", version, error)
        return None
