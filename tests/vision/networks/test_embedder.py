"""Parts that look alike are near each other, in a space that versions on the same network share."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor, nn

from mltasks.vision.data.decoding import decode
from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.drawing.textures import draw_texture
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.calibration_images import calibration_images
from mltasks.vision.networks.embedder import build_embedder, embedding_space, embedding_statistics, random_projection
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.types import EMBEDDING_DIMENSIONS, InputSize

SIZE = InputSize(192, 128)
COMPANION = pytest.mark.parametrize("companion", [True, False], ids=["companion", "backbone alone"])


@cache
def trunk_with(companion: bool) -> Trunk:
    return Trunk(load_backbone("resnet18", "shipped")[0], AuxiliaryBackbone() if companion else None)


@cache
def plates() -> list[Image.Image]:
    """Six good plates, six with excess material."""
    return [draw_part(kind, 900 + n).image for n, kind in enumerate([PartKind.GOOD] * 6 + [PartKind.EXCESS] * 6)]


@cache
def surfaces() -> list[Image.Image]:
    """Other things than plates: cloth, wood, metal and the like."""
    drawn = (draw_texture(np.random.default_rng(seed), 256) for seed in range(6))
    return [Image.fromarray(np.clip(255 * one, 0, 255).astype(np.uint8)) for one in drawn]


def as_jpeg(image: Image.Image, quality: int = 92) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=quality)
    stream.seek(0)
    return decode(stream, size=SIZE)


def embeddings(trunk: Trunk, pictures: list[NDArray[np.uint8]]) -> Tensor:
    embedder = build_embedder(trunk)
    with torch.inference_mode():
        seen = [trunk(torch.from_numpy(one).permute(2, 0, 1)[None] / 255) for one in pictures]
        return torch.cat([embedder(one) for one in seen])


@pytest.mark.slow
@COMPANION
def test_an_images_near_copy_is_nearest(companion: bool) -> None:
    trunk = trunk_with(companion)
    again = [as_jpeg(ImageEnhance.Brightness(one).enhance(1.02), quality=70) for one in plates()]

    found = embeddings(trunk, [as_jpeg(one) for one in plates()]) @ embeddings(trunk, again).T

    assert found.argmax(1).tolist() == list(range(len(plates())))
    assert found.diagonal().min() > 0.95


@COMPANION
def test_parts_of_one_type_are_nearer_than_other_things(companion: bool) -> None:
    drawn = [as_jpeg(one) for one in [*plates(), *surfaces()]]
    found = embeddings(trunk_with(companion), drawn)

    assert found.shape == (18, EMBEDDING_DIMENSIONS)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(18))
    alike = found @ found.T
    assert alike[:12, :12].min() > alike[:12, 12:].max() + 0.1


@COMPANION
def test_what_all_pictures_have_says_nothing(companion: bool) -> None:
    trunk = trunk_with(companion)
    with torch.no_grad():
        rows = embedding_statistics(trunk(calibration_images()), trunk.fine_channels)

    embedder = build_embedder(trunk)
    middle = rows.mean(0) @ embedder.weights + embedder.bias

    assert middle.abs().max() < 1e-2 * (rows @ embedder.weights + embedder.bias).norm(dim=1).mean()


def test_the_projection_is_orthonormal_and_always_the_same() -> None:
    found = random_projection(700).double()

    torch.testing.assert_close(found.T @ found, torch.eye(EMBEDDING_DIMENSIONS, dtype=torch.float64), atol=1e-5, rtol=0)
    assert torch.equal(random_projection(700), random_projection(700))


def test_it_draws_nothing_from_torchs_chance() -> None:
    trunk = trunk_with(False)
    before = torch.get_rng_state()
    one, other = build_embedder(trunk), build_embedder(trunk)

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.weights, other.weights) and torch.equal(one.bias, other.bias)


@pytest.mark.slow
def test_versions_on_the_same_network_share_a_space() -> None:
    @cache
    def trunk(network: nn.Module, companion: bool) -> Trunk:
        return Trunk(network, AuxiliaryBackbone() if companion else None)

    def space(network: nn.Module, companion: bool, height: int = 64, *, keep_shape: bool = True) -> str:
        return embedding_space(trunk(network, companion), height, 64, keep_shape=keep_shape)

    one, same, other = (load_backbone("resnet18", weights)[0] for weights in ("shipped", "shipped", "random"))

    assert space(one, True) == space(same, True) == space(other, True), "The companion draws."
    assert space(one, False) == space(same, False)
    apart = [space(one, True), space(one, False), space(other, False), space(one, True, 96)]
    apart.append(space(one, True, keep_shape=False))
    assert len(set(apart)) == 5
    assert all(len(name) == 32 for name in apart)
