"""Heatmaps: the picture's size, colour where a map is loud, untouched where it is quiet."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import fit_placement
from mltasks.vision.serving.heatmaps import (
    FloatMap,
    Heatmaps,
    Kind,
    decode_heatmaps,
    encode_heatmaps,
    opacities,
    render_heatmap,
    upscale,
)
from mltasks.vision.types import InputSize

PART = np.full((120, 90, 3), 100, np.uint8)


def corner_map(height: int, width: int) -> FloatMap:
    """Loud in the upper left corner only."""
    values = np.zeros((height, width), np.float32)
    values[0, 0] = 1
    return values


def render(evidence: FloatMap, anomaly: FloatMap, kind: Kind = "both") -> np.ndarray:
    picture = Image.open(io.BytesIO(render_heatmap(PART, Heatmaps(evidence, anomaly), kind)))
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    return np.asarray(picture).astype(int)


def test_it_colours_the_loud_place_only() -> None:
    pixels = render(corner_map(7, 7), np.zeros((28, 28), np.float32))

    assert pixels.shape == PART.shape
    assert pixels[2, 2, 0] > 140 and pixels[2, 2, 2] < 70
    assert (pixels[60:, 45:] == 100).all()


def test_the_anomaly_is_yellow() -> None:
    pixels = render(np.zeros((7, 7), np.float32), corner_map(28, 28))

    assert pixels[1, 1, 0] > 150 and pixels[1, 1, 1] > 145 and pixels[1, 1, 2] < 100


def test_one_map_can_be_drawn_alone() -> None:
    assert (render(np.zeros((7, 7), np.float32), corner_map(28, 28), "evidence") == 100).all()
    assert (render(corner_map(7, 7), np.zeros((28, 28), np.float32), "anomaly") == 100).all()


def test_it_hides_no_defect_under_its_own_map() -> None:
    scratched = PART.copy()
    scratched[:, 40:42] = 180
    loud = np.ones((7, 7), np.float32)

    picture = Image.open(io.BytesIO(render_heatmap(scratched, Heatmaps(loud, loud))))
    contrast = np.asarray(picture).astype(int)[60, 40] - np.asarray(picture).astype(int)[60, 20]
    assert (contrast >= 0.6 * 80 - 1).all(), "Both maps together cover at most 40 % of the part."


def test_a_quiet_map_leaves_the_part_alone() -> None:
    quiet = np.full((7, 7), 0.3, np.float32)

    assert (render(quiet, quiet) == 100).all()


def test_it_shows_the_place_of_a_small_doubt_on_a_clean_part() -> None:
    doubtful = 0.01 + 0.17 * corner_map(7, 7)
    sure = 0.001 + 0.02 * corner_map(7, 7)

    assert (render(doubtful, np.zeros((28, 28), np.float32), "evidence")[2, 2] != 100).any()
    assert (render(sure, np.zeros((28, 28), np.float32), "evidence") == 100).all()


def test_evidence_is_strongest_where_the_anomaly_map_agrees() -> None:
    two_places = 0.6 * corner_map(7, 7) + 0.5 * corner_map(7, 7)[::-1, ::-1]
    agreeing = 0.05 + 0.25 * corner_map(28, 28)[::-1, ::-1]

    shown = opacities(Heatmaps(two_places, agreeing), 120, 90)["evidence"]
    assert shown[115:, 85:].max() == 1 > shown[:5, :5].max()
    alone = opacities(Heatmaps(two_places, np.zeros((28, 28), np.float32)), 120, 90)["evidence"]
    assert alone[:5, :5].max() == 1 > alone[115:, 85:].max() > 0


@pytest.mark.parametrize("shape", [(800, 200), (200, 800), (300, 300), (30, 20)])
def test_stored_maps_are_those_over_the_part(shape: tuple[int, int]) -> None:
    size = InputSize(96, 128)
    inside = fit_placement(*shape, size)
    rows, columns = np.mgrid[0:6, 0:8].astype(np.float32)
    whole = Heatmaps(columns / 7, rows / 5)

    packed = encode_heatmaps(whole, inside, size)
    found, wanted = decode_heatmaps(packed), whole.crop_to(inside, size)

    height, width = found.evidence.shape
    assert found.anomaly.shape == (height, width)
    assert max(height, width) == min(64, max(inside.width, inside.height))
    assert width / height == pytest.approx(inside.width / inside.height, rel=0.05)
    for one, other in ((found.evidence, wanted.evidence), (found.anomaly, wanted.anomaly)):
        assert one.dtype == np.float32 and 0 <= one.min() <= one.max() <= 1
        assert np.abs(upscale(one, *other.shape) - other).mean() < 0.03


def test_stored_maps_are_small() -> None:
    noise = np.random.default_rng(1).random((2, 30, 30)).astype(np.float32)
    size = InputSize(480, 480)

    assert len(encode_heatmaps(Heatmaps(noise[0], noise[1]), fit_placement(480, 480, size), size)) < 9_000


def test_it_refuses_stored_maps_that_are_none() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        decode_heatmaps(b"no map")
