"""The bank of views: one run of the trunk a view, the same for every fold, bounded for any number of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.networks.auxiliary_backbone import EFFICIENTNET_LITE2
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.networks.trunk import EMPTY
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features import stored_features
from mltasks.vision.training.features.feature_bank import (
    AUGMENTED_FIELDS,
    SYNTHETIC_FIELDS,
    FeatureBank,
    UnreadableSample,
    build_feature_bank,
)
from mltasks.vision.training.features.stored_features import StoredFeatures
from mltasks.vision.training.fit import build_trunk
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Mark, Sample, no_progress
from tests.vision.sample_images import gradient

CONFIG = TrainConfig(
    height=64,
    width=64,
    backbone_weights="shipped",
    views=3,
    synthetic_views=2,
    threads=1,
    companion="",
    backbone_scale=1.0,
)


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        gradient(50 + number, 40).save(path)
        found.append(Sample(path.name, f"sha-{number}", path, number % 2, path.name))
    return found


def bank_of(samples: list[Sample], augmented: set[int], config: TrainConfig = CONFIG) -> FeatureBank:
    with reproducible(1) as compute:
        trunk, _ = build_trunk(config)
        return build_feature_bank(samples, augmented, trunk, config, compute, Stage(no_progress))


def same_maps(first: StoredFeatures, second: StoredFeatures) -> bool:
    names = set(first.arrays) | set(second.arrays)
    return bool(names) and all(np.array_equal(first.arrays[name], second.arrays[name]) for name in names)


def map_rows(maps: StoredFeatures, at: slice) -> StoredFeatures:
    return StoredFeatures({name: values[at] for name, values in maps.arrays.items()})


def shapes(maps: StoredFeatures) -> dict[str, tuple[int, ...]]:
    return {name: values.shape for name, values in maps.arrays.items()}


def test_each_image_has_its_maps_and_those_in_training_their_views(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 3})

    whole = {"layer2": (128, 4, 4), "layer3": (256, 4, 4), "layer4": (512, 2, 2), "statistics": (2688,)}
    whole["fine"] = (128, 8, 8)
    assert shapes(bank.clean) == {name: (5, *shape) for name, shape in whole.items()}
    # No detector looks at augmented views, so what only detectors need is not kept.
    assert shapes(bank.augmented) == {name: (6, *shape) for name, shape in whole.items() if name in AUGMENTED_FIELDS}
    assert "layer2" not in bank.augmented.arrays
    # Good images alone get synthetic defects, two each; image 3 is defective.
    assert shapes(bank.synthetic) == {name: (2, *shape) for name, shape in whole.items() if name in SYNTHETIC_FIELDS}
    assert bank.synthetic_images.tolist() == [0, 0] and bank.synthetic_places.shape == (2, 8, 8)
    assert {name: values.dtype for name, values in bank.clean.arrays.items()} == {
        name: np.float32 if name == "statistics" else np.float16 for name in whole
    }
    assert bank.autoencoder_images.shape == (5, 3, 64, 64)
    assert bank.first_view_row.tolist() == [0, -1, -1, 1, -1]
    assert not np.array_equal(bank.augmented.arrays["layer3"][0], bank.augmented.arrays["layer3"][1])


def test_a_batch_is_what_the_trunk_saw_of_these_images(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 3})
    with reproducible(1) as compute:
        clean = bank.clean_batch([4, 1], compute)
        view = bank.augmented_batch(np.array([3, 0]), np.array([2, 1]), compute)

    assert np.array_equal(clean.layer4.numpy(), bank.clean.arrays["layer4"][[4, 1]].astype(np.float32))
    assert np.array_equal(clean.statistics.numpy(), bank.clean.arrays["statistics"][[4, 1]])
    # As the networks read them, so that no convolution turns them again
    assert all(
        maps.is_contiguous(memory_format=torch.channels_last) for maps in (clean.layer3, clean.layer2, view.layer4)
    )
    # Image 3 is the second in the bank of three views each.
    assert np.array_equal(view.layer3.numpy(), bank.augmented.arrays["layer3"][[5, 1]].astype(np.float32))


def test_an_images_views_do_not_depend_on_the_other_images(samples: list[Sample]) -> None:
    everything, alone = bank_of(samples, {0, 1, 2, 3, 4}), bank_of(samples[3:4], {0})

    assert same_maps(map_rows(everything.augmented, slice(9, 12)), alone.augmented)
    assert same_maps(map_rows(everything.clean, slice(3, 4)), alone.clean)


def test_an_images_synthetic_defects_do_not_depend_on_the_other_images(samples: list[Sample]) -> None:
    everything, alone = bank_of(samples, {0, 2, 4}), bank_of(samples[2:3], {0})

    assert everything.synthetic_images.tolist() == [0, 0, 2, 2, 4, 4]
    assert same_maps(map_rows(everything.synthetic, slice(2, 4)), alone.synthetic)
    assert np.array_equal(everything.synthetic_places[2:4], alone.synthetic_places)
    # Each picture has its own defects, and its features show them.
    assert len({places.tobytes() for places in everything.synthetic_places}) == 6
    assert everything.synthetic_places.max((1, 2)).min() > 0
    clean = everything.clean.arrays["layer3"][everything.synthetic_images]
    assert (np.abs(everything.synthetic.arrays["layer3"] - clean).max((1, 2, 3)) > 0).all()


def test_another_seed_gives_other_views_of_the_same_image(samples: list[Sample]) -> None:
    one, other = bank_of(samples, {0}), bank_of(samples, {0}, replace(CONFIG, seed=8))

    assert same_maps(one.clean, other.clean)
    assert not np.array_equal(one.augmented.arrays["layer3"], other.augmented.arrays["layer3"])
    assert not np.array_equal(one.synthetic_places, other.synthetic_places)


def test_the_companion_sees_images_their_views_and_their_synthetic_defects(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 1}, replace(CONFIG, companion=EFFICIENTNET_LITE2, backbone_scale=0.5))

    own = {"fine": (48, 8, 8), "aux_maps": (120, 4, 4), "aux_coarse": (120, 2, 2), "aux_statistics": (1560,)}
    found = shapes(bank.clean)
    assert {name: found[name] for name in own} == {name: (5, *shape) for name, shape in own.items()}
    assert found["layer3"] == (5, 256, 2, 2), "The backbone sees them at half size."
    views = shapes(bank.augmented)
    assert (views["fine"], views["aux_maps"], views["aux_statistics"]) == ((6, 48, 8, 8), (6, 120, 4, 4), (6, 1560))
    assert not {"aux_coarse", "layer2"} & set(views)
    assert shapes(bank.synthetic)["aux_maps"] == (2, 120, 4, 4)
    with reproducible(1) as compute:
        seen = bank.augmented_batch(np.array([1, 0]), np.array([2, 0]), compute)
    assert np.array_equal(seen.aux_statistics.numpy(), bank.augmented.arrays["aux_statistics"][[5, 0]])
    assert np.array_equal(seen.aux_maps.numpy(), bank.augmented.arrays["aux_maps"][[5, 0]].astype(np.float32))
    assert seen.layer2 is seen.aux_coarse is EMPTY


def test_the_bank_holds_the_places_of_marked_defects(samples: list[Sample]) -> None:
    samples[3] = replace(samples[3], marks=(Mark(0.25, 0.25, 0.5, 0.5),))
    samples[2] = replace(samples[2], marks=(Mark(0.5, 0.5),))
    bank = bank_of(samples, {0, 3})

    assert set(bank.places) == {3}, "A good part has no place of a defect."
    assert bank.places[3].shape == bank.synthetic_places.shape[1:] == (8, 8)


def test_an_unreadable_mask_names_its_image(samples: list[Sample], tmp_path: Path) -> None:
    samples[1] = replace(samples[1], mask=tmp_path / "missing.png")

    with pytest.raises(UnreadableSample, match=samples[1].name):
        bank_of(samples, {0, 1})


def test_the_first_recipe_draws_no_synthetic_defects(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 2}, replace(CONFIG, head="pooled"))

    assert len(bank.synthetic_images) == len(bank.synthetic_places) == len(bank.synthetic.arrays["fine"]) == 0


def test_a_large_bank_lies_in_a_file_and_reads_the_same(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = bank_of(samples, {0, 1})
    monkeypatch.setattr(stored_features, "MAX_MEMORY_BYTES", 1000)

    on_disk = bank_of(samples, {0, 1})

    assert isinstance(on_disk.augmented.arrays["layer3"], np.memmap)
    for kind in ("augmented", "clean", "synthetic"):
        assert same_maps(getattr(on_disk, kind), getattr(in_memory, kind)), kind


def test_without_views_heads_learn_from_the_images_as_they_are(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 3}, replace(CONFIG, views=0, companion=EFFICIENTNET_LITE2))
    views = bank.sample_views(2, np.random.default_rng(1))
    with reproducible(1) as compute:
        seen, clean = bank.augmented_batch(np.array([3, 0]), views, compute), bank.clean_batch([3, 0], compute)

    assert views.tolist() == [0, 0] and len(bank.augmented.arrays["layer3"]) == 0
    for name in AUGMENTED_FIELDS:
        assert torch.equal(getattr(seen, name), getattr(clean, name)), name
    # Nothing that learns looks at what only detectors need.
    assert seen.layer2 is seen.aux_coarse is EMPTY
