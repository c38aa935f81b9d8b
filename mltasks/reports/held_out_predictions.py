"""What versions said of images they had not learned from, each as its own report keeps it."""

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
    """One version's word on an image: its label at its own operating point, beside what the image was labeled then."""

    name: str
    target: int
    defect_type: str
    model_verdict: str
    probability: float

    @property
    def fails(self) -> bool:
        """Whether the version fails the image."""
        return self.model_verdict == "FAIL"

    def is_correct(self, target: int) -> bool:
        """Whether its label is the right one of an image that is ``target``."""
        return self.fails == (target == DEFECT)


def load_held_out(version: ModelVersion) -> Mapping[str, HeldOutPrediction] | None:
    """The version's word on each image that it was measured by, by the image's sha256; None where its directory is
    gone, can't be fetched now or holds no predictions."""
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
