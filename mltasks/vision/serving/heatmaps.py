"""Where a verdict comes from: heatmaps over the part. numpy and Pillow only, so that the web process may draw them."""

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
# Opacity of the loudest place of a map, and of both maps together: the defect stays visible under its own map.
MAX_OPACITY = 0.4
# Raised when the drawing changes, so that no browser shows a picture of before.
RENDER_REVISION = 2
# Below this a map is silent: half transparent haze over a good part would read as a finding.
MIN_VISIBLE = 0.35
# Cells a side of stored maps: as fine as the evidence is at the usual sizes.
STORED_CELLS = 48
# Pixels of an overlay's longer side: smooth when it is enlarged over the part, and a few kilobytes.
OVERLAY_SIDE = 384


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Two coarse maps over the region of interest, float32 in [0, 1], each with its own ``[height, width]``.

    ``evidence``: the calibrated defect probability that each cell alone would give (class activation mapping, Zhou et
    al., CVPR 2016). ``anomaly``: the autoencoder's local error; 0.5 is what held-out good parts seldom exceed.
    """

    evidence: FloatMap
    anomaly: FloatMap

    def crop_to(self, inside: Placement, size: InputSize) -> Heatmaps:
        """What lies over the region itself, of maps over a whole input, at the input's resolution."""
        return Heatmaps(_crop(self.evidence, inside, size), _crop(self.anomaly, inside, size))


def render_heatmap(image: NDArray[np.uint8], maps: Heatmaps, kind: Kind = "both") -> bytes:
    """Lay evidence (vermillion) and anomaly (yellow) over an RGB image ``[H, W, 3]`` of the region of interest.

    Return a PNG of the image's size. The maps cover at most ``MAX_OPACITY`` of any pixel, both together too.
    """
    height, width = image.shape[:2]
    layers = [layer for name, layer in _layers(maps).items() if kind in ("both", name)]
    loud = np.stack([opacity(upscale(values, height, width)) for values, _ in layers])[..., None]
    colours = np.array([colour for _, colour in layers], np.float32)[:, None, None]
    mixed = (loud * colours).sum(0) / np.maximum(loud.sum(0), 1e-6)
    alpha = MAX_OPACITY * loud.max(0)
    canvas = image.astype(np.float32) * (1 - alpha) + mixed * alpha
    out = io.BytesIO()
    Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def render_overlay(maps: Heatmaps, kind: Layer) -> bytes:
    """Return one map alone as a PNG of its colour, to be laid over the region: opacity up to ``MAX_OPACITY``."""
    values, colour = _layers(maps)[kind]
    scale = OVERLAY_SIDE / max(values.shape)
    height, width = (max(1, round(side * scale)) for side in values.shape)
    alpha = np.clip(255 * MAX_OPACITY * opacity(upscale(values, height, width)) + 0.5, 0, 255).astype(np.uint8)
    picture = Image.new("RGB", (width, height), colour)
    picture.putalpha(Image.fromarray(alpha))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def encode_heatmaps(maps: Heatmaps, inside: Placement, size: InputSize) -> bytes:
    """The part of both maps over the region, at most PACKED cells a side and in 256 steps, as one small PNG: evidence
    is its grey, anomaly its alpha. ``decode_heatmaps`` reads it."""
    scale = min(1.0, STORED_CELLS / max(inside.width, inside.height))
    cells = (max(1, round(inside.width * scale)), max(1, round(inside.height * scale)))
    layers = [_encoded_layer(values, inside, size, cells) for values in (maps.evidence, maps.anomaly)]
    out = io.BytesIO()
    Image.merge("LA", layers).save(out, "PNG")
    return out.getvalue()


def decode_heatmaps(packed: bytes) -> Heatmaps:
    """Both maps over the region, in [0, 1]."""
    with Image.open(io.BytesIO(packed), formats=["PNG"]) as picture:
        both = (np.asarray(picture.convert("LA")) / 255).astype(np.float32)
    return Heatmaps(both[..., 0], both[..., 1])


def _layers(maps: Heatmaps) -> dict[Layer, tuple[FloatMap, tuple[int, int, int]]]:
    """Return map and colour by name."""
    return {"anomaly": (maps.anomaly, YELLOW), "evidence": (maps.evidence, VERMILLION)}


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
    """Resize a map by smooth interpolation, values kept in [0, 1]."""
    smooth = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth, np.float32), 0.0, 1.0)


def opacity(values: FloatMap) -> FloatMap:
    """Opacity in [0, 1]: nothing up to the quiet level, then rising to 1."""
    loud: FloatMap = np.clip((values - MIN_VISIBLE) / (1 - MIN_VISIBLE), 0.0, 1.0).astype(np.float32)
    return loud
