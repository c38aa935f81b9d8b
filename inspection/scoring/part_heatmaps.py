"""Heatmaps of a part, drawn over its image from the maps of the version that scored it."""

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
MAX_SIDE = 1024
LAYERS: dict[str, heatmaps.Layer] = {"evidence": "evidence", "anomaly": "anomaly"}
KINDS: dict[str, heatmaps.Kind] = {"both": "both", "evidence": "evidence", "anomaly": "anomaly"}


def render_heatmap(inspection: Inspection, kind: heatmaps.Kind = "both") -> bytes:
    """Return a PNG of the region of interest with the maps, at most MAX_SIDE pixels a side.

    The maps are those stored with the verdict; for parts scored before maps were stored, the version computes them
    again. Raises NoHeatmap for an unscored part or a version without files, and FileNotFoundError without the image.
    """
    maps = _load_maps(inspection)
    region = image_files.load_image(inspection, InputSize(MAX_SIDE, MAX_SIDE))
    # The heatmap has the region's shape.
    width, height = region.box[2] - region.box[0], region.box[3] - region.box[1]
    scale = min(1.0, MAX_SIDE / max(width, height))
    size = InputSize(max(1, round(height * scale)), max(1, round(width * scale)), keep_shape=False)
    return heatmaps.render_heatmap(region.to_array(size), maps, kind)


def render_overlay(inspection: Inspection, layer: heatmaps.Layer) -> bytes:
    """Return a transparent PNG of one map over the region of interest, without the image.

    Stored maps are drawn without reading the image. Raises as ``render_heatmap`` does.
    """
    return heatmaps.render_overlay(_load_maps(inspection), layer)


def _load_maps(inspection: Inspection) -> heatmaps.Heatmaps:
    version = inspection.model_version
    if version is None:
        raise NoHeatmap("No version scored this part, so there is no heatmap.")
    stored = ScoreMaps.objects.filter(inspection=inspection).first()
    return heatmaps.decode_heatmaps(bytes(stored.packed)) if stored else _recompute_maps(inspection, version)


def _recompute_maps(inspection: Inspection, version: ModelVersion) -> heatmaps.Heatmaps:
    try:
        scorer = scorers.get_scorer(version)
    except BundleCorrupt as error:
        logger.exception("Could not load version %s to draw a heatmap.", version)
        raise NoHeatmap(f"No heatmap: the files of version {version.number} cannot be loaded.") from error
    size = scorer.input_size
    image = image_files.load_image(inspection, size)
    return scorer.maps(image.to_array(size)).crop_to(image.placement(size), size)
