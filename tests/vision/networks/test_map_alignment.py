"""A map shows a spot where it is in the image: the cells of the networks' maps are centered before they are shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mltasks.vision.export.openvino_export import center_cells
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.trunk import Trunk

HEIGHT, WIDTH, SPOT, STRIDE = 128, 192, 6, 8


def test_a_cell_is_shown_around_its_first_pixel() -> None:
    cells = torch.zeros(1, 4, 5)
    cells[0, 2, 3] = 1

    shown = center_cells(cells)[0]
    assert torch.nonzero(shown).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    # The middle of the shown cells is the corner at which the cell is centered.
    assert shown.shape == (4, 5) and shown.max() == 1


def mean_error(cells: torch.Tensor, top: int, left: int) -> list[float]:
    """Distance in pixels, down and across, from a spot to the middle of a map's highest cells."""
    highest = torch.nonzero(cells == cells.max()).float().mean(0) + 0.5
    return [float(highest[0]) * STRIDE - top - SPOT / 2, float(highest[1]) * STRIDE - left - SPOT / 2]


@pytest.mark.parametrize("auxiliary", [True, False], ids=["auxiliary backbone", "ResNet18"])
def test_a_spot_is_shown_where_it_is(auxiliary: bool) -> None:
    trunk = Trunk(load_backbone("resnet18", "shipped")[0], AuxiliaryBackbone() if auxiliary else None)
    generator = np.random.default_rng(2)
    plain = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    as_it_is, shown = list[list[float]](), list[list[float]]()
    with torch.inference_mode():
        before = trunk(plain).fine
        for _ in range(40):
            top, left = (int(generator.integers(16, side - 16 - SPOT)) for side in (HEIGHT, WIDTH))
            spotted = plain.clone()
            spotted[..., top : top + SPOT, left : left + SPOT] = 0.1
            change = (trunk(spotted).fine - before).abs().sum(1)
            as_it_is.append(mean_error(change[0], top, left))
            shown.append(mean_error((center_cells(change) if auxiliary else change)[0], top, left))

    assert np.mean(as_it_is, axis=0) == pytest.approx([4, 4] if auxiliary else [0, 0], abs=1.5)
    assert np.mean(shown, axis=0) == pytest.approx([0, 0], abs=1.5)
