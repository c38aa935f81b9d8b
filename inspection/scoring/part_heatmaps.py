"""Where a part's verdict comes from, drawn over its image by the version that scored it."""

from __future__ import annotations

import logging

from inspection.images import image_files
from inspection.models import Inspection, ScoreMaps
from inspection.refusals import NoHeatmap
from mltasks.models import ModelVersion
from mltasks.registry import scorers
from mltasks.vision.serving import heatmaps
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.types import InputSize

logger = logging.getLogger(__name__)
LONGEST_SIDE = 1024
LAYERS: dict[str, heatmaps.Layer] = {"evidence": "evidence", "anomaly": "anomaly"}
KINDS: dict[str, heatmaps.Kind] = {"both": "both", "evidence": "evidence", "anomaly": "anomaly"}


def draw(inspection: Inspection, kind: heatmaps.Kind = "both") -> bytes:
    """A PNG of the region of interest under the maps, at most LONGEST_SIDE pixels a side.

    The maps are those stored with the verdict; of parts scored before maps were stored, its version makes them anew.
    Raises NoHeatmap for a part that nothing scored and for a version whose files are gone, FileNotFoundError without
    the image.
    """
    found = _found(inspection)
    shown = image_files.load_image(inspection, InputSize(LONGEST_SIDE, LONGEST_SIDE))
    return heatmaps.render_heatmap(shown.array(_shown_size(shown.box)), found, kind)


def overlay(inspection: Inspection, layer: heatmaps.Layer) -> bytes:
    """A transparent PNG of one map over the region of interest, without the image: quick, as no image is read where
    the maps were stored. Raises as ``draw``."""
    return heatmaps.render_overlay(_found(inspection), layer)


def _found(inspection: Inspection) -> heatmaps.Maps:
    version = inspection.model_version
    if version is None:
        raise NoHeatmap("No version scored this part, so there is no heatmap.")
    stored = ScoreMaps.objects.filter(inspection=inspection).first()
    return heatmaps.unpack(bytes(stored.packed)) if stored else _made_anew(inspection, version)


def _made_anew(inspection: Inspection, version: ModelVersion) -> heatmaps.Maps:
    try:
        scorer = scorers.scorer(version)
    except BundleCorrupt as error:
        logger.exception("Version %s can't draw.", version)
        raise NoHeatmap(f"Version {version.number} scored this part and can't be loaded any more.") from error
    size = scorer.input_size
    seen = image_files.load_image(inspection, size)
    return scorer.maps(seen.array(size)).within(seen.placement(size), size)


def _shown_size(box: tuple[float, float, float, float]) -> InputSize:
    """Height and width of the picture: the region's shape, at most LONGEST_SIDE."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return InputSize(max(1, round(height * scale)), max(1, round(width * scale)), keep_shape=False)
