"""Two scales at once: what only one of them finds strange counts little, what both do counts where they do."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.heads.patch_memory import MultiScaleMemory, PatchMemory, build_memory
from mltasks.vision.networks.compact_features import COMPACT_CHANNELS
from mltasks.vision.networks.trunk import STATISTICS_SIZE, FeatureMaps


def make_feature_maps(seed: int, count: int = 1) -> FeatureMaps:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(128, 8, 6), (256, 8, 6), (512, 4, 3), (STATISTICS_SIZE,), (COMPACT_CHANNELS, 16, 12)]
    return FeatureMaps(*(torch.randn((count, *shape), generator=generator) for shape in shapes))


@pytest.fixture(scope="module")
def multi_scale_memory() -> MultiScaleMemory:
    many = make_feature_maps(1, 20)
    rows = torch.cat([many.layer2, many.layer3], 1).permute(0, 2, 3, 1).flatten(0, 2)
    return MultiScaleMemory(
        make_memory(rows, "patches"), make_memory(many.compact.permute(0, 2, 3, 1).flatten(0, 2), "detail")
    )


def make_memory(rows: torch.Tensor, source: str) -> PatchMemory:
    return build_memory(rows, 7, source=source)[0]


def make_marked_maps(broad: float, fine: float) -> FeatureMaps:
    """A part with a mark in row 5 of 8 that is so strange to broad patches, and so strange in its detail."""
    part = make_feature_maps(2)
    part.layer3[0, :, 5, 3] += broad
    part.compact[0, :, 10:12, 6:8] += fine
    return part


def test_what_both_find_strange_outranks_what_one_does(multi_scale_memory: MultiScaleMemory) -> None:
    with torch.inference_mode():
        plain, broad, fine, both = (
            float(multi_scale_memory(make_marked_maps(*size))[0]) for size in ((0, 0), (9, 0), (0, 9), (9, 9))
        )

    assert plain < broad < both
    assert plain < fine < both


def test_it_points_as_finely_as_its_detail(multi_scale_memory: MultiScaleMemory) -> None:
    with torch.inference_mode():
        cells = multi_scale_memory(make_marked_maps(9, 9))[1]

    assert cells.shape == (1, 16, 12)
    row, column = divmod(int(cells[0].argmax()), 12)
    assert row in (10, 11) and column in (6, 7)


def test_it_is_the_geometric_mean_of_both(multi_scale_memory: MultiScaleMemory) -> None:
    part = make_feature_maps(3)
    with torch.inference_mode():
        cells = multi_scale_memory(part)[1]
        broad, fine = multi_scale_memory.broad(part)[1], multi_scale_memory.detail(part)[1]

    # In the middle of four cells of the broad one's grid
    near = broad[0, 2:4, 2:4] * torch.tensor([[9.0, 3.0], [3.0, 1.0]]) / 16
    torch.testing.assert_close(cells[0, 5, 5].square(), near.sum() * fine[0, 5, 5], rtol=1e-4, atol=1e-4)
