"""The memory of good patches: it covers them with few, and says how far a patch is from all of them."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision import patch_memory
from mltasks.vision.features import STATISTICS, Seen, patches
from mltasks.vision.patch_memory import PatchMemory, coreset, remember


def seen(seed: int, count: int = 3) -> Seen:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(count, 128, 5, 4), (count, 256, 5, 4), (count, 512, 2, 2), (count, STATISTICS)]
    return Seen(*(torch.randn(shape, generator=generator) for shape in shapes))


def rows_of(one: Seen) -> torch.Tensor:
    return patches(one).permute(0, 2, 3, 1).reshape(-1, 384)


def furthest(rows: torch.Tensor, chosen: torch.Tensor) -> float:
    return float(torch.cdist(rows, rows[chosen]).amin(1).max())


def test_a_coreset_leaves_no_patch_further_away_than_chance_does() -> None:
    generator = torch.Generator().manual_seed(1)
    crowd = torch.randn(900, 384, generator=generator)
    # Rare kinds of patch, which a random choice of fifty mostly forgets
    rare = torch.randn(20, 384, generator=generator) + 8 * torch.randn(20, 384, generator=generator)
    rows = torch.cat([crowd, rare])

    chosen = coreset(rows, 50, generator)
    by_chance = [furthest(rows, torch.randperm(len(rows), generator=generator)[:50]) for _ in range(10)]

    assert len(set(chosen.tolist())) == 50
    assert set(range(900, 920)) <= set(chosen.tolist())
    assert furthest(rows, chosen) < 0.5 * min(by_chance)


def test_a_coreset_of_all_rows_is_all_of_them() -> None:
    rows = torch.randn(30, 384, generator=torch.Generator().manual_seed(2))

    assert sorted(coreset(rows, 30, torch.Generator().manual_seed(3)).tolist()) == list(range(30))


def test_what_it_remembers_has_no_distance() -> None:
    good = seen(1)
    memory = remember(rows_of(good), 7)
    with torch.inference_mode():
        scores, cells = memory(good)

    assert memory.memory.shape == (60, 384)
    assert cells.shape == (3, 5, 4)
    assert scores.max() < 1e-2


def test_a_patch_unlike_any_good_one_stands_out_where_it_is() -> None:
    memory, part = remember(rows_of(seen(1, 20)), 7), seen(2, 1)
    unlike = part._replace(middle=part.middle.clone())
    unlike.middle[0, :, 3, 2] += 6

    with torch.inference_mode():
        (before, _), (after, cells) = memory(part), memory(unlike)

    assert after.item() > 1.5 * before.item()
    # A patch is a mean over 3 × 3 positions: its neighbours see the spot too.
    y, x = divmod(int(cells[0].argmax()), 4)
    assert abs(y - 3) <= 1 and abs(x - 2) <= 1


def test_distances_are_those_to_the_nearest_in_memory() -> None:
    mean, deviation = torch.randn(384), torch.rand(384) + 0.5
    memory = PatchMemory(mean, deviation, torch.randn(9, 384))
    part = seen(4)

    with torch.inference_mode():
        _, cells = memory(part)

    standard = (rows_of(part) - mean) / deviation
    wanted = torch.cdist(standard, memory.memory).amin(1) / 384**0.5
    torch.testing.assert_close(cells.flatten(), wanted, rtol=1e-4, atol=1e-4)


def test_the_seed_decides_what_it_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_memory, "MEMORY", 8)
    rows = rows_of(seen(1, 10))
    one, again, other = remember(rows, 7), remember(rows, 7), remember(rows, 8)

    assert torch.equal(one.memory, again.memory) and one.memory.shape == (8, 384)
    assert not torch.equal(one.memory, other.memory)


def test_a_channel_that_never_changes_does_no_harm() -> None:
    rows = rows_of(seen(1))
    rows[:, 5] = 2.0

    assert remember(rows, 7).memory.isfinite().all()
