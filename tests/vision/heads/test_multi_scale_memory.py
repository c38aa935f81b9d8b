"""Two scales at once: what only one of them finds strange counts little, what both do counts where they do."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.heads.patch_memory import PatchMemory, Places, remember
from mltasks.vision.networks.compact_features import DETAIL
from mltasks.vision.networks.trunk import STATISTICS, Seen


def seen(seed: int, count: int = 1) -> Seen:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(128, 8, 6), (256, 8, 6), (512, 4, 3), (STATISTICS,), (DETAIL, 16, 12)]
    return Seen(*(torch.randn((count, *shape), generator=generator) for shape in shapes))


@pytest.fixture(scope="module")
def places() -> Places:
    many = seen(1, 20)
    rows = torch.cat([many.fine, many.middle], 1).permute(0, 2, 3, 1).flatten(0, 2)
    return Places(memory(rows, "patches"), memory(many.detail.permute(0, 2, 3, 1).flatten(0, 2), "detail"))


def memory(rows: torch.Tensor, source: str) -> PatchMemory:
    return remember(rows, 7, source=source)[0]


def marked(broad: float, fine: float) -> Seen:
    """A part with a mark in row 5 of 8 that is so strange to broad patches, and so strange in its detail."""
    part = seen(2)
    part.middle[0, :, 5, 3] += broad
    part.detail[0, :, 10:12, 6:8] += fine
    return part


def test_what_both_find_strange_outranks_what_one_does(places: Places) -> None:
    with torch.inference_mode():
        plain, broad, fine, both = (float(places(marked(*size))[0]) for size in ((0, 0), (9, 0), (0, 9), (9, 9)))

    assert plain < broad < both
    assert plain < fine < both


def test_it_points_as_finely_as_its_detail(places: Places) -> None:
    with torch.inference_mode():
        cells = places(marked(9, 9))[1]

    assert cells.shape == (1, 16, 12)
    row, column = divmod(int(cells[0].argmax()), 12)
    assert row in (10, 11) and column in (6, 7)


def test_it_is_the_geometric_mean_of_both(places: Places) -> None:
    part = seen(3)
    with torch.inference_mode():
        cells = places(part)[1]
        broad, fine = places.broad(part)[1], places.detail(part)[1]

    # In the middle of four cells of the broad one's grid
    near = broad[0, 2:4, 2:4] * torch.tensor([[9.0, 3.0], [3.0, 1.0]]) / 16
    torch.testing.assert_close(cells[0, 5, 5].square(), near.sum() * fine[0, 5, 5], rtol=1e-4, atol=1e-4)
