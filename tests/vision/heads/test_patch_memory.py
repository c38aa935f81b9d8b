"""The memory of good patches: it covers them with few, and says how far a patch is from all of them."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.heads import patch_memory
from mltasks.vision.heads.patch_memory import (
    MEMORY_SIZES,
    PATCH_SOURCES,
    SOURCE_FIELDS,
    PatchMemory,
    add_defect_patches,
    build_memory,
    coreset,
)
from mltasks.vision.heads.positional_norm import PositionalNorm, fit_positional_norm
from mltasks.vision.networks.trunk import STATISTICS_SIZE, FeatureMaps, box_smooth, hat_smooth


def make_feature_maps(seed: int, count: int = 3) -> FeatureMaps:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(count, 128, 5, 4), (count, 256, 5, 4), (count, 512, 2, 2), (count, STATISTICS_SIZE)]
    return FeatureMaps(*(torch.randn(shape, generator=generator) for shape in shapes))


def patch_rows(maps: FeatureMaps) -> torch.Tensor:
    return PATCH_SOURCES["patches"](maps).permute(0, 2, 3, 1).reshape(-1, 384)


def coverage_radius(rows: torch.Tensor, chosen: torch.Tensor) -> float:
    return float(torch.cdist(rows, rows[chosen]).amin(1).max())


def test_a_coreset_leaves_no_patch_further_away_than_chance_does() -> None:
    generator = torch.Generator().manual_seed(1)
    crowd = torch.randn(900, 384, generator=generator)
    # Rare kinds of patch, which a random choice of fifty mostly forgets
    rare = torch.randn(20, 384, generator=generator) + 8 * torch.randn(20, 384, generator=generator)
    rows = torch.cat([crowd, rare])

    chosen = coreset(rows, 50, generator)
    by_chance = [coverage_radius(rows, torch.randperm(len(rows), generator=generator)[:50]) for _ in range(10)]

    assert len(set(chosen.tolist())) == 50
    assert set(range(900, 920)) <= set(chosen.tolist())
    assert coverage_radius(rows, chosen) < 0.5 * min(by_chance)


def test_a_coreset_of_all_rows_is_all_of_them() -> None:
    rows = torch.randn(30, 384, generator=torch.Generator().manual_seed(2))

    assert sorted(coreset(rows, 30, torch.Generator().manual_seed(3)).tolist()) == list(range(30))


def test_what_it_remembers_has_no_distance() -> None:
    good = make_feature_maps(1)
    memory = build_memory(patch_rows(good), 7)[0]
    with torch.inference_mode():
        apart = memory.distances(good)

    assert memory.memory.shape == (60, 384)
    assert apart.shape == (3, 5, 4)
    assert apart.max() < 1e-2


def test_a_patch_unlike_any_good_one_stands_out_where_it_is() -> None:
    memory, part = build_memory(patch_rows(make_feature_maps(1, 20)), 7)[0], make_feature_maps(2, 1)
    unlike = part._replace(layer3=part.layer3.clone())
    unlike.layer3[0, :, 3, 2] += 6

    with torch.inference_mode():
        (before, _), (after, cells) = memory(part), memory(unlike)

    assert after.item() > 1.2 * before.item()
    # A patch is a mean over 3 × 3 positions: its neighbours see the spot too.
    y, x = divmod(int(cells[0].argmax()), 4)
    assert abs(y - 3) <= 1 and abs(x - 2) <= 1


def test_distances_are_those_to_the_nearest_in_memory() -> None:
    mean, deviation = torch.randn(384), torch.rand(384) + 0.5
    memory = PatchMemory(mean, deviation, torch.randn(9, 384))
    part = make_feature_maps(4)

    with torch.inference_mode():
        cells = memory.distances(part)

    standard = (patch_rows(part) - mean) / deviation
    wanted = torch.cdist(standard, memory.memory).amin(1) / 384**0.5
    torch.testing.assert_close(cells.flatten(), wanted, rtol=1e-4, atol=1e-4)


def test_the_seed_decides_what_it_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEMORY_SIZES, "patches", 8)
    rows = patch_rows(make_feature_maps(1, 10))
    one, again, other = (build_memory(rows, seed)[0] for seed in (7, 7, 8))

    assert torch.equal(one.memory, again.memory) and one.memory.shape == (8, 384)
    assert not torch.equal(one.memory, other.memory)


def test_each_source_takes_its_patches_from_the_fields_it_names() -> None:
    part = make_feature_maps(4)._replace(
        fine=torch.rand(3, 48, 10, 8), aux_maps=torch.rand(3, 120, 5, 4), aux_coarse=torch.rand(3, 120, 3, 2)
    )
    wanted = {
        "patches": torch.cat([box_smooth(part.layer2), box_smooth(part.layer3)], 1),
        "second_patches": box_smooth(part.aux_maps),
        "coarse": box_smooth(part.aux_coarse),
        "detail": hat_smooth(part.fine),
    }

    assert set(PATCH_SOURCES) == set(SOURCE_FIELDS) == set(MEMORY_SIZES) == set(wanted)
    for source, take in PATCH_SOURCES.items():
        without = FeatureMaps(*([torch.empty(0)] * len(part)))
        named = without._replace(**{name: getattr(part, name) for name in SOURCE_FIELDS[source]})
        torch.testing.assert_close(take(named), wanted[source])


def test_labeled_defects_join_the_first_patches_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_memory, "LABELED_MEMORY_SIZE", 20)
    monkeypatch.setattr(patch_memory, "MAX_DEFECT_PATCHES", 5)
    memory = build_memory(patch_rows(make_feature_maps(1)), 7)[0]
    defects = 9 + torch.randn(12, 384, generator=torch.Generator().manual_seed(3))

    both, again = (add_defect_patches(memory, defects, 7) for _ in range(2))

    assert both.memory.shape == (25, 384) and both.source == memory.source
    assert torch.equal(both.memory[:20], memory.memory[:20])
    kept = {tuple(row) for row in both.memory[20:].tolist()}
    assert len(kept) == 5 and kept <= {tuple(row) for row in defects.tolist()}
    assert torch.equal(both.memory, again.memory)


def test_a_channel_that_never_changes_does_no_harm() -> None:
    rows = patch_rows(make_feature_maps(1))
    rows[:, 5] = 2.0

    assert build_memory(rows, 7)[0].memory.isfinite().all()


def test_what_lies_in_memory_counts_only_where_it_may() -> None:
    memory, chosen = build_memory(patch_rows(make_feature_maps(1)), 7)
    # Of each patch in memory the image that it is from: 20 cells each
    images = chosen // 20
    without = torch.stack([images == image for image in range(3)])

    with torch.inference_mode():
        kept, others = memory.distances(make_feature_maps(1)), memory.distances(make_feature_maps(1), without)
        alone = memory.distances(make_feature_maps(1), torch.ones_like(without))

    assert kept.max() < 1e-2 < 0.3 < others.min()
    assert alone.isinf().all()


def test_the_same_distance_counts_more_where_good_parts_are_alike() -> None:
    mean = torch.tensor([[1.0, 1.0], [3.0, 1.0]])
    deviation = torch.tensor([[0.1, 1.0], [1.0, 1.0]])
    cells = PositionalNorm(mean, deviation).zscore(torch.full((1, 2, 2), 3.0))

    assert cells[0].tolist()[0] == pytest.approx([20, 2.13], abs=0.01)
    assert cells[0, 1, 0].item() == pytest.approx(0.693, abs=0.001)


@pytest.mark.parametrize(("count", "least"), [(2, 0.1), (400, 0.9)])
def test_few_parts_say_little_about_a_place(count: int, least: float) -> None:
    maps = torch.ones(count, 12, 12) + 0.1 * torch.randn(count, 12, 12, generator=torch.Generator().manual_seed(3))
    maps[:, :, :6] += 4

    usual = fit_positional_norm(list(maps))

    step = float(usual.mean[:, 1].mean() - usual.mean[:, 10].mean()) / 4
    assert least < step < least + 0.1
    # What differs from place to place is no spread of one place.
    assert float(usual.deviation.max()) < (2.1 if count == 2 else 0.4)


def test_good_parts_that_never_differ_leave_something_to_divide_by() -> None:
    usual = fit_positional_norm([torch.zeros(3, 3)])

    assert usual.zscore(torch.ones(1, 3, 3)).isfinite().all()
