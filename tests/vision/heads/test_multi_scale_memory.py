"""Several scales at once: what only one of them finds strange counts little, what all do counts where they do."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.heads.patch_memory import PATCH_SOURCES, MultiScaleMemory, PatchMemory, build_memory
from mltasks.vision.networks.trunk import STATISTICS_SIZE, FeatureMaps

SCALES = ("second_patches", "coarse", "detail")


def make_feature_maps(seed: int, count: int = 1) -> FeatureMaps:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(128, 4, 3), (256, 4, 3), (512, 2, 2), (STATISTICS_SIZE,)]
    shapes += [(48, 16, 12), (120, 8, 6), (120, 4, 3)]
    return FeatureMaps(*(torch.randn((count, *shape), generator=generator) for shape in shapes))


@pytest.fixture(scope="module")
def multi_scale_memory() -> MultiScaleMemory:
    many = make_feature_maps(1, 20)
    return MultiScaleMemory([make_memory(many, source) for source in SCALES])


def make_memory(many: FeatureMaps, source: str) -> PatchMemory:
    return build_memory(PATCH_SOURCES[source](many).permute(0, 2, 3, 1).flatten(0, 2), 7, source=source)[0]


def make_marked_maps(broad: float, coarse: float, fine: float) -> FeatureMaps:
    """A part with a mark in row 5 of 8 that is so strange to broad patches, to coarse ones, and in its detail."""
    part = make_feature_maps(2)
    part.aux_maps[0, :, 5, 3] += broad
    part.aux_coarse[0, :, 2, 1] += coarse
    part.fine[0, :, 10:12, 6:8] += fine
    return part


def test_what_all_find_strange_outranks_what_one_does(multi_scale_memory: MultiScaleMemory) -> None:
    with torch.inference_mode():
        plain, broad, coarse, fine, everything = (
            float(multi_scale_memory(make_marked_maps(*size))[0])
            for size in ((0, 0, 0), (9, 0, 0), (0, 9, 0), (0, 0, 9), (9, 9, 9))
        )

    assert plain < min(broad, coarse, fine)
    assert max(broad, coarse, fine) < everything


def test_it_points_as_finely_as_its_detail(multi_scale_memory: MultiScaleMemory) -> None:
    with torch.inference_mode():
        cells = multi_scale_memory(make_marked_maps(9, 9, 9))[1]

    assert cells.shape == (1, 16, 12)
    row, column = divmod(int(cells[0].argmax()), 12)
    assert row in (10, 11) and column in (6, 7)


def test_it_is_the_geometric_mean_of_all(multi_scale_memory: MultiScaleMemory) -> None:
    part = make_feature_maps(3)
    with torch.inference_mode():
        cells = multi_scale_memory(part)[1]
        broad, coarse, fine = (memory(part)[1] for memory in multi_scale_memory.memories)

    # In the middle of four cells of the broad one's grid, and of four of the coarse one's
    near = (broad[0, 2:4, 2:4] * torch.tensor([[9.0, 3.0], [3.0, 1.0]]) / 16).sum()
    # Cell 5 of 16 lies at 0.875 of 4, cell 5 of 12 at 0.875 of 3.
    far = (coarse[0, 0:2, 0:2] * torch.tensor([[1.0, 7.0], [7.0, 49.0]]) / 64).sum()
    torch.testing.assert_close(cells[0, 5, 5] ** 3, near * far * fine[0, 5, 5], rtol=1e-4, atol=1e-4)


def test_the_broad_memory_is_the_first(multi_scale_memory: MultiScaleMemory) -> None:
    assert multi_scale_memory.broad is multi_scale_memory.memories[0]
    assert multi_scale_memory.broad.source == "second_patches"
    names = {name.split(".")[1] for name in multi_scale_memory.state_dict()}
    assert names == {"0", "1", "2"}


def test_two_scales_or_one_work_alike(multi_scale_memory: MultiScaleMemory) -> None:
    part = make_feature_maps(3)
    [only] = MultiScaleMemory([multi_scale_memory.broad]).memories
    with torch.inference_mode():
        wanted = only(part)
        found = MultiScaleMemory([multi_scale_memory.broad])(part)

    torch.testing.assert_close(found[1], wanted[1])
