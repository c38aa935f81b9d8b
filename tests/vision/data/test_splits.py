"""Splits: stratified, whole parts together, the same from any order of the samples."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltasks.vision.data.splits import NotEnoughLabels, assign_splits, inner_split, part_keys
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Sample

CONFIG = TrainConfig()


def sample(number: int, target: int, *, group: str = "", file: str = "", kind: str = "") -> Sample:
    name = f"part-{number}"
    return Sample(name, file or f"sha-{number}", Path(name), target, group or name, defect_type=kind)


def mixed_samples(count: int, defects: float = 0.4) -> list[Sample]:
    return [sample(n, int(n % 10 < 10 * defects), kind=("scratch", "excess")[n % 2]) for n in range(count)]


def split_by_name(samples: list[Sample]) -> dict[str, str]:
    return {one.name: one.split for one in samples}


def test_few_labels_get_folds_with_equal_shares_of_both_classes() -> None:
    counts = Counter((one.split, one.target) for one in assign_splits(mixed_samples(100), CONFIG))

    assert {split for split, _ in counts} == {f"fold-{n}" for n in range(5)}
    assert all(counts[f"fold-{n}", 0] == 12 and counts[f"fold-{n}", 1] == 8 for n in range(5))


def test_many_labels_get_a_holdout_of_64_16_and_20_percent() -> None:
    dealt = assign_splits(mixed_samples(1000), replace(CONFIG, cross_validate_below=1000))
    counts = Counter((one.split, one.target) for one in dealt)

    for split, share in (("train", 0.64), ("validation", 0.16), ("test", 0.20)):
        assert counts[split, 0] == pytest.approx(600 * share, abs=2)
        assert counts[split, 1] == pytest.approx(400 * share, abs=2)


def test_the_limit_between_the_two_is_the_configs() -> None:
    config = TrainConfig(cross_validate_below=40)

    assert {one.split for one in assign_splits(mixed_samples(39), config)} == {f"fold-{n}" for n in range(5)}
    assert {one.split for one in assign_splits(mixed_samples(40), config)} == {"train", "validation", "test"}


def test_defect_types_are_spread_too() -> None:
    samples = [sample(n, 1, kind="rare" if n < 5 else "common") for n in range(25)]
    samples += [sample(n, 0) for n in range(25, 50)]

    rare = [one.split for one in assign_splits(samples, CONFIG) if one.defect_type == "rare"]

    assert sorted(rare) == [f"fold-{n}" for n in range(5)]


@settings(max_examples=40)
@given(groups=st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=20, max_size=60), seed=st.integers(0, 99))
def test_a_part_never_straddles(groups: list[tuple[int, bool]], seed: int) -> None:
    groups = [*groups, *[(1, True)] * 4, *[(1, False)] * 4]
    shapes = [(index, target) for index, (size, target) in enumerate(groups) for _ in range(size)]
    samples = [sample(n, int(target), group=f"g{index}") for n, (index, target) in enumerate(shapes)]
    splits: defaultdict[str, set[str]] = defaultdict(set)

    for one in assign_splits(samples, TrainConfig(seed=seed, cross_validate_below=100)):
        splits[one.group].add(one.split)

    assert all(len(found) == 1 for found in splits.values())


def test_the_same_file_under_two_part_ids_is_one_part() -> None:
    samples = [*mixed_samples(40), *(sample(100 + n, 0, file="the same") for n in range(6))]

    splits = {one.split for one in assign_splits(samples, CONFIG) if one.sha256 == "the same"}

    assert len(splits) == 1
    assert len(set(part_keys(samples))) == 41


def test_the_order_of_the_samples_does_not_matter() -> None:
    samples = [
        *mixed_samples(60),
        *(sample(100 + n, n % 2, group=f"pair-{n // 2}", file=f"f{n // 3}") for n in range(20)),
    ]
    shuffled = random.Random(3).sample(samples, len(samples))

    assert split_by_name(assign_splits(samples, CONFIG)) == split_by_name(assign_splits(shuffled, CONFIG))


def test_another_seed_gives_another_split() -> None:
    other = assign_splits(mixed_samples(60), TrainConfig(seed=8))

    assert split_by_name(other) != split_by_name(assign_splits(mixed_samples(60), CONFIG))


def test_there_are_no_more_folds_than_parts_of_the_rarer_class() -> None:
    samples = [sample(n, int(n < 4)) for n in range(30)]

    counts = Counter((one.split, one.target) for one in assign_splits(samples, CONFIG))

    assert all(counts[f"fold-{n}", 1] == 1 for n in range(4))
    assert {split for split, _ in counts} == {f"fold-{n}" for n in range(4)}


@pytest.mark.parametrize(
    ("good", "defect", "words"),
    [
        (0, 0, "label 4 more good parts and 4 more defective parts"),
        (50, 3, "label 1 more defective part."),
        (2, 50, "label 2 more good parts."),
    ],
)
def test_it_refuses_too_few_parts_and_says_how_many_are_missing(good: int, defect: int, words: str) -> None:
    samples = [sample(n, int(n >= good)) for n in range(good + defect)]

    with pytest.raises(NotEnoughLabels, match=words) as caught:
        assign_splits(samples, CONFIG)
    assert (caught.value.good_missing, caught.value.defect_missing) == (max(0, 4 - good), max(0, 4 - defect))


def test_it_refuses_many_images_of_too_few_parts() -> None:
    samples = [sample(n, n % 2, group=f"g{n % 6}") for n in range(60)]

    with pytest.raises(NotEnoughLabels):
        assign_splits(samples, CONFIG)


def test_early_stopping_gets_a_fifth_of_both_classes() -> None:
    samples = mixed_samples(50)

    train, validation = inner_split(samples, 3)

    assert sorted(train + validation) == list(range(50))
    assert Counter(samples[index].target for index in validation) == {0: 6, 1: 4}
