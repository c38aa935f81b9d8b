"""Where a verdict comes from: heatmaps over the part. numpy and Pillow only, so that the web process may draw them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatMap = NDArray[np.float32]
Kind = Literal["both", "evidence", "anomaly"]

VERMILLION = (213, 94, 0)
YELLOW = (240, 228, 66)
STRENGTH = 0.75
# Below this a map is silent: half transparent haze over a good part would read as a finding.
QUIET = 0.35


@dataclass(frozen=True, slots=True)
class Maps:
    """Two coarse maps over the region of interest, float32 in [0, 1], each with its own ``[height, width]``.

    ``evidence``: the calibrated defect probability that each cell alone would give (class activation mapping, Zhou et
    al., CVPR 2016). ``anomaly``: the autoencoder's local error; 0.5 is what held-out good parts seldom exceed.
    """

    evidence: FloatMap
    anomaly: FloatMap


def render_heatmap(image: NDArray[np.uint8], maps: Maps, kind: Kind = "both") -> bytes:
    """Lay evidence (vermillion) and anomaly (yellow) over an RGB image ``[H, W, 3]`` of the region of interest; the PNG
    has the image's size."""
    height, width = image.shape[:2]
    canvas = image.astype(np.float32)
    layers = {"anomaly": (maps.anomaly, YELLOW), "evidence": (maps.evidence, VERMILLION)}
    for name, (values, colour) in layers.items():
        if kind in ("both", name):
            alpha = STRENGTH * loudness(enlarge(values, height, width))[..., None]
            canvas = canvas * (1 - alpha) + np.array(colour, np.float32) * alpha
    out = io.BytesIO()
    Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def enlarge(values: FloatMap, height: int, width: int) -> FloatMap:
    """Resize a map by smooth interpolation, values kept in [0, 1]."""
    smooth = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth, np.float32), 0.0, 1.0)


def loudness(values: FloatMap) -> FloatMap:
    """Opacity in [0, 1]: nothing up to the quiet level, then rising to 1."""
    loud: FloatMap = np.clip((values - QUIET) / (1 - QUIET), 0.0, 1.0).astype(np.float32)
    return loud
