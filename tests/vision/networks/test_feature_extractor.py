"""The trunk that looks at many images: compiled, it sees what it sees in torch, and says so the same way twice."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from mltasks.vision.networks.auxiliary_backbone import Companion
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.networks.trunk import NOTHING, Seen, Trunk
from mltasks.vision.training import feature_extractor
from mltasks.vision.training.feature_extractor import PAYS_FROM, See, eyes_of

SIZE = (64, 96)
FEW, MANY = 1, -(-PAYS_FROM // (64 * 96))


@cache
def eyes(images: int, *, companion: bool) -> See:
    """What looks at so many images; compiled only once for all tests, which takes seconds."""
    torch.manual_seed(3)
    trunk = Trunk(load_backbone("resnet18", "shipped")[0], Companion() if companion else None)
    with reproducible(1) as compute:
        return eyes_of(trunk, SIZE, images, compute).plainly


def seen(images: int, rgb: torch.Tensor, *, companion: bool) -> Seen:
    with reproducible(1):
        return eyes(images, companion=companion)(rgb)


@pytest.fixture
def rgb() -> torch.Tensor:
    return torch.rand((3, 3, *SIZE), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("companion", [True, False])
def test_compiled_it_sees_what_torch_sees(rgb: torch.Tensor, *, companion: bool) -> None:
    in_torch, compiled = seen(FEW, rgb, companion=companion), seen(MANY, rgb, companion=companion)

    for wanted, found in zip(in_torch, compiled, strict=False):
        assert found.shape == wanted.shape
        assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-3)
    assert (compiled.second is NOTHING) == (not companion)


def test_only_many_images_are_worth_compiling(rgb: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[bool] = []

    def compile_model(*_: object, half: bool) -> object:
        compiled.append(half)
        raise LookupError

    monkeypatch.setattr(feature_extractor, "compile_model", compile_model)
    seen(MANY - 1, rgb, companion=False)
    assert compiled == []
    with pytest.raises(LookupError):
        eyes.__wrapped__(MANY, companion=False)
    assert compiled == [False]


def test_the_compiled_trunk_says_the_same_of_an_image_in_any_company(rgb: torch.Tensor) -> None:
    together = seen(MANY, rgb, companion=True)
    with reproducible(1):
        # Compiled anew, which must not matter either
        alone = eyes.__wrapped__(MANY, companion=True)(rgb[1:2])

    assert all(torch.equal(one[1:2], other) for one, other in zip(together, alone, strict=True))
