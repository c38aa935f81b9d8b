"""Heatmaps that localize a verdict on the part, drawn with numpy and Pillow only."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mltasks.vision.types import InputSize, Placement

FloatMap = NDArray[np.float32]
Layer = Literal["evidence", "anomaly"]
Kind = Literal["both"] | Layer

VERMILLION = (213, 94, 0)
YELLOW = (240, 228, 66)
COLOURS: dict[Layer, tuple[int, int, int]] = {"anomaly": YELLOW, "evidence": VERMILLION}
# Highest opacity of a map, and of both maps together: a defect stays visible under its own map.
MAX_OPACITY = 0.4
# Increase when the drawing changes: browsers then drop cached images.
RENDER_REVISION = 3
# Map value below which no anomaly is drawn: haze over a good part would pass for a finding.
MIN_VISIBLE = 0.35
# Evidence is drawn from this share of its highest value on. A highest value below the second number counts as this
# number: a part that passes for certain shows no place.
FAINT_SHARE, MIN_HIGHEST = 0.35, 0.1
# Evidence that is not this many times its median stands out nowhere; it is drawn as an anomaly is.
HAZE_FACTOR = 3
# Cells per side of stored maps: the resolution of the evidence at the usual sizes
STORED_CELLS = 64
# Pixels of an overlay's longer side: smooth when enlarged over the part, and a few kilobytes
OVERLAY_SIDE = 384


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Two coarse maps over the region of interest, float32 ``[height, width]`` in [0, 1].

    The two maps may differ in size. ``evidence`` is the calibrated defect probability of each cell alone, by
    the segmentation head; in earlier versions by class activation mapping (Zhou et al., CVPR 2016).
    ``anomaly`` is the novelty detectors' local score; held-out good parts seldom exceed 0.5.
    """

    evidence: FloatMap
    anomaly: FloatMap

    def crop_to(self, inside: Placement, size: InputSize) -> Heatmaps:
        """Crop maps of a whole input to the region, at the input's resolution."""
        return Heatmaps(_crop(self.evidence, inside, size), _crop(self.anomaly, inside, size))


def render_heatmap(image: NDArray[np.uint8], maps: Heatmaps, kind: Kind = "both") -> bytes:
    """Draw evidence (vermillion) and anomaly (yellow) over an RGB image of the region.

    ``image`` is ``[H, W, 3]``. Return a PNG of the same size. The maps together cover at most ``MAX_OPACITY`` of any
    pixel.
    """
    height, width = image.shape[:2]
    shown = {layer: values for layer, values in opacities(maps, height, width).items() if kind in ("both", layer)}
    loud = np.stack(list(shown.values()))[..., None]
    colours = np.array([COLOURS[layer] for layer in shown], np.float32)[:, None, None]
    mixed = (loud * colours).sum(0) / np.maximum(loud.sum(0), 1e-6)
    alpha = MAX_OPACITY * loud.max(0)
    canvas = image.astype(np.float32) * (1 - alpha) + mixed * alpha
    return _to_png(Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8)))


def render_overlay(maps: Heatmaps, kind: Layer) -> bytes:
    """Return one map as a PNG of its color with opacity up to ``MAX_OPACITY``."""
    shape = getattr(maps, kind).shape
    height, width = (max(1, round(side * OVERLAY_SIDE / max(shape))) for side in shape)
    alpha = np.clip(255 * MAX_OPACITY * opacities(maps, height, width)[kind] + 0.5, 0, 255).astype(np.uint8)
    overlay = Image.new("RGB", (width, height), COLOURS[kind])
    overlay.putalpha(Image.fromarray(alpha))
    return _to_png(overlay)


def encode_heatmaps(maps: Heatmaps, inside: Placement, size: InputSize) -> bytes:
    """Encode both maps of the region as one small PNG: evidence is its gray, anomaly its alpha.

    At most ``STORED_CELLS`` cells a side, in 256 steps. ``decode_heatmaps`` reads the PNG.
    """
    scale = min(1.0, STORED_CELLS / max(inside.width, inside.height))
    cells = (max(1, round(inside.width * scale)), max(1, round(inside.height * scale)))
    layers = [_encoded_layer(values, inside, size, cells) for values in (maps.evidence, maps.anomaly)]
    return _to_png(Image.merge("LA", layers))


def decode_heatmaps(packed: bytes) -> Heatmaps:
    """Return both maps over the region, in [0, 1]."""
    with Image.open(io.BytesIO(packed), formats=["PNG"]) as picture:
        both = (np.asarray(picture.convert("LA")) / 255).astype(np.float32)
    return Heatmaps(both[..., 0], both[..., 1])


def _to_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _encoded_layer(values: FloatMap, inside: Placement, size: InputSize, cells: tuple[int, int]) -> Image.Image:
    down, across = values.shape[0] / size.height, values.shape[1] / size.width
    box = (
        inside.left * across,
        inside.top * down,
        (inside.left + inside.width) * across,
        (inside.top + inside.height) * down,
    )
    small = Image.fromarray(values.astype(np.float32)).resize(cells, Image.Resampling.BILINEAR, box=box)
    return Image.fromarray(np.clip(np.asarray(small) * 255 + 0.5, 0, 255).astype(np.uint8))


def _crop(values: FloatMap, inside: Placement, size: InputSize) -> FloatMap:
    whole = upscale(values, size[0], size[1])
    return whole[inside.top : inside.top + inside.height, inside.left : inside.left + inside.width]


def upscale(values: FloatMap, height: int, width: int) -> FloatMap:
    """Resize a map by bicubic interpolation, with values kept in [0, 1]."""
    smooth = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth, np.float32), 0.0, 1.0)


def opacities(maps: Heatmaps, height: int, width: int) -> dict[Layer, FloatMap]:
    """Return the opacity of each map in [0, 1], ``[height, width]``.

    An anomaly's rises from ``MIN_VISIBLE`` to 1. Evidence is drawn relative to its highest value: a part fails at a
    probability far below 1, and its reviewer should see why. Where the anomaly map agrees, evidence counts for more:
    both maps together locate defects better than each alone (docs/quality.md)."""
    evidence, anomaly = (upscale(values, height, width) for values in (maps.evidence, maps.anomaly))
    located, highest = evidence * anomaly, float(evidence.max())
    located = located * (highest / located.max()) if located.max() > 0 else evidence
    end = max(highest, MIN_HIGHEST)
    start = max(FAINT_SHARE * end, min(MIN_VISIBLE, HAZE_FACTOR * float(np.median(located))))
    return {"anomaly": _ramp(anomaly, MIN_VISIBLE, 1), "evidence": _ramp(located, start, end)}


def _ramp(values: FloatMap, start: float, end: float) -> FloatMap:
    """Return 0 up to ``start``, 1 from ``end`` on, and a linear rise between."""
    return np.asarray(np.clip((values - start) / max(end - start, 1e-6), 0, 1), np.float32)
