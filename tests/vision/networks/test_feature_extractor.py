"""The trunk that looks at many images: compiled, it sees what it sees in torch, and says so the same way twice."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, Trunk
from mltasks.vision.training.features import feature_extractor
from mltasks.vision.training.features.feature_extractor import MIN_COMPILED_PIXELS, Extract, build_extractor

SIZE = (64, 96)
FEW, MANY = 1, -(-MIN_COMPILED_PIXELS // (64 * 96))


@cache
def make_extractor(images: int, *, companion: bool) -> Extract:
    """What looks at so many images; compiled only once for all tests, which takes seconds."""
    torch.manual_seed(3)
    trunk = Trunk(load_backbone("resnet18", "shipped")[0], AuxiliaryBackbone() if companion else None)
    with reproducible(1) as compute:
        return build_extractor(trunk, SIZE, images, compute).fp32


def extract(images: int, rgb: torch.Tensor, *, companion: bool) -> FeatureMaps:
    with reproducible(1):
        return make_extractor(images, companion=companion)(rgb)


@pytest.fixture
def rgb() -> torch.Tensor:
    return torch.rand((3, 3, *SIZE), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("companion", [True, False])
def test_compiled_it_sees_what_torch_sees(rgb: torch.Tensor, *, companion: bool) -> None:
    in_torch, compiled = extract(FEW, rgb, companion=companion), extract(MANY, rgb, companion=companion)

    for wanted, found in zip(in_torch, compiled, strict=False):
        assert found.shape == wanted.shape
        assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-3)
    assert (compiled.aux_maps is EMPTY) == (not companion)


def test_only_many_images_are_worth_compiling(rgb: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[bool] = []

    def compile_model(*_: object, half: bool) -> object:
        compiled.append(half)
        raise LookupError

    monkeypatch.setattr(feature_extractor, "compile_model", compile_model)
    extract(MANY - 1, rgb, companion=False)
    assert compiled == []
    with pytest.raises(LookupError):
        make_extractor.__wrapped__(MANY, companion=False)
    assert compiled == [False]


def test_the_compiled_trunk_says_the_same_of_an_image_in_any_company(rgb: torch.Tensor) -> None:
    together = extract(MANY, rgb, companion=True)
    with reproducible(1):
        # Compiled anew, which must not matter either
        alone = make_extractor.__wrapped__(MANY, companion=True)(rgb[1:2])

    assert all(torch.equal(one[1:2], other) for one, other in zip(together, alone, strict=True))


def test_small_images_are_seen_in_32_bits() -> None:
    trunk = Trunk(load_backbone("resnet18", "random")[0], scale=0.5)
    compute = Compute(torch.device("cpu"), half=True)
    images = torch.rand((2, 3, 96, 64), generator=torch.Generator().manual_seed(5))

    seen = [each(images) for each in build_extractor(trunk, (96, 64), FEW, compute)]

    assert torch.equal(seen[0].statistics, seen[1].statistics)
    # Memory that was freed with this content is reused.
    _ = [torch.full((size,), float("nan")) for size in (10_000, 100_000, 1_000_000)]
    assert torch.isfinite(build_extractor(trunk, (96, 64), FEW, compute).bf16(images).statistics).all()
