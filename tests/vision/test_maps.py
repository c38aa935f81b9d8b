"""Heatmaps: the picture's size, colour where a map is loud, untouched where it is quiet."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mltasks.vision.maps import FloatMap, Kind, Maps, render_heatmap

PART = np.full((120, 90, 3), 100, np.uint8)


def corner(height: int, width: int) -> FloatMap:
    """Loud in the upper left corner only."""
    values = np.zeros((height, width), np.float32)
    values[0, 0] = 1
    return values


def rendered(evidence: FloatMap, anomaly: FloatMap, kind: Kind = "both") -> np.ndarray:
    picture = Image.open(io.BytesIO(render_heatmap(PART, Maps(evidence, anomaly), kind)))
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    return np.asarray(picture).astype(int)


def test_it_colours_the_loud_place_only() -> None:
    pixels = rendered(corner(7, 7), np.zeros((28, 28), np.float32))

    assert pixels.shape == PART.shape
    assert pixels[2, 2, 0] > 160 and pixels[2, 2, 2] < 60
    assert (pixels[60:, 45:] == 100).all()


def test_the_anomaly_is_yellow() -> None:
    pixels = rendered(np.zeros((7, 7), np.float32), corner(28, 28))

    assert pixels[1, 1, 0] > 180 and pixels[1, 1, 1] > 170 and pixels[1, 1, 2] < 100


def test_one_map_can_be_drawn_alone() -> None:
    assert (rendered(np.zeros((7, 7), np.float32), corner(28, 28), "evidence") == 100).all()
    assert (rendered(corner(7, 7), np.zeros((28, 28), np.float32), "anomaly") == 100).all()


def test_a_quiet_map_leaves_the_part_alone() -> None:
    quiet = np.full((7, 7), 0.3, np.float32)

    assert (rendered(quiet, quiet) == 100).all()
