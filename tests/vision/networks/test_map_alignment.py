"""A map's cell answers to the pixels that it is drawn over and that masks and marks give it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.feature_networks.auxiliary_network import build_auxiliary
from mltasks.vision.networks.trunk import Trunk

HEIGHT, WIDTH, SPOT = 256, 384, 6
AUXILIARIES = ("", "efficientnet-lite2", "efficientnet_lite0", "efficientnet_lite1")


def error(cells: torch.Tensor, top: int, left: int) -> list[float]:
    """Distance in pixels, down and across, from a spot to the middle of a map's highest cell."""
    row, column = divmod(int(cells.argmax()), cells.shape[1])
    stride = HEIGHT / cells.shape[0]
    return [(row + 0.5) * stride - top - SPOT / 2, (column + 0.5) * stride - left - SPOT / 2]


@pytest.mark.slow(3)
@pytest.mark.parametrize("auxiliary", AUXILIARIES)
def test_a_spot_is_seen_where_it_is(auxiliary: str) -> None:
    backbone, generator = load_backbone("resnet18", "shipped")[0], np.random.default_rng(2)
    trunk = Trunk(backbone, build_auxiliary(auxiliary), 0.5) if auxiliary else Trunk(backbone)
    patches = torch.from_numpy(generator.uniform(0.35, 0.65, (1, 3, HEIGHT // 8, WIDTH // 8)).astype(np.float32))
    image = patches.repeat_interleave(8, 2).repeat_interleave(8, 3)
    fields = ("fine", "aux_maps", "aux_coarse") if auxiliary else ("fine", "layer3")
    errors = {field: list[list[float]]() for field in fields}
    with torch.inference_mode():
        before = trunk(image)
        for _ in range(15):
            top, left = (int(generator.integers(64, side - 64)) for side in (HEIGHT, WIDTH))
            spotted = image.clone()
            spotted[..., top : top + SPOT, left : left + SPOT] -= 0.3
            after = trunk(spotted)
            for field in fields:
                change = (getattr(after, field) - getattr(before, field)).square().sum(1)[0]
                errors[field].append(error(change, top, left))

    for field in fields:
        stride = HEIGHT / getattr(before, field).shape[2]
        assert np.mean(errors[field], axis=0) == pytest.approx([0, 0], abs=stride / 4), field
