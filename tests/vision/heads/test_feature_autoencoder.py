"""The autoencoder of features: it rebuilds what good parts are made of, and nothing else."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.heads import feature_autoencoder
from mltasks.vision.heads.feature_autoencoder import (
    FeatureAutoencoder,
    autoencoder_patches,
    train_feature_autoencoder,
)
from mltasks.vision.networks.trunk import STATISTICS_SIZE, FeatureMaps


def mixing_matrix() -> torch.Tensor:
    return torch.randn(6, 384, generator=torch.Generator().manual_seed(9)) / 6**0.5


def good_patches(count: int, seed: int) -> torch.Tensor:
    """Patches that six numbers make: what good parts can look like."""
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) @ mixing_matrix()


def make_feature_maps(rows: torch.Tensor) -> FeatureMaps:
    """One image of 4 × 5 positions that all look like their row's mean over surroundings."""
    maps = rows.T.reshape(1, 384, 4, 5)
    return FeatureMaps(maps[:, :128], maps[:, 128:], torch.zeros(1, 512, 2, 2), torch.zeros(1, STATISTICS_SIZE))


@pytest.fixture(scope="module")
def trained_autoencoder() -> FeatureAutoencoder:
    return train_feature_autoencoder(good_patches(400, 1), 7)


def test_it_rebuilds_unseen_good_patches_and_no_others(trained_autoencoder: FeatureAutoencoder) -> None:
    unseen = good_patches(200, 2)
    unlike = torch.randn(200, 384, generator=torch.Generator().manual_seed(3)) * unseen.std()
    with torch.inference_mode():
        like, other = (
            trained_autoencoder.errors((rows - trained_autoencoder.mean) / trained_autoencoder.deviation)
            for rows in (unseen, unlike)
        )

    assert like.median() < 0.2
    assert other.median() > 3 * like.median()
    assert not trained_autoencoder.training


def test_an_odd_place_stands_out_where_it_is(trained_autoencoder: FeatureAutoencoder) -> None:
    rows = good_patches(1, 4).repeat(20, 1)
    odd = rows.clone()
    odd[7] = 5 * torch.randn(384, generator=torch.Generator().manual_seed(5))

    with torch.inference_mode():
        (before, _), (after, cells) = (
            trained_autoencoder(make_feature_maps(rows)),
            trained_autoencoder(make_feature_maps(odd)),
        )

    assert cells.shape == (1, 4, 5)
    assert after.item() > before.item()
    y, x = divmod(int(cells[0].argmax()), 5)
    # Position 7 of 4 × 5, and a patch is a mean over 3 × 3 of them.
    assert abs(y - 1) <= 1 and abs(x - 2) <= 1


def test_each_position_is_rebuilt_from_itself_alone(trained_autoencoder: FeatureAutoencoder) -> None:
    part = make_feature_maps(good_patches(20, 6))
    with torch.inference_mode():
        _, cells = trained_autoencoder(part)
        row = autoencoder_patches(part)[0, :, 2, 3]
        alone = trained_autoencoder.errors((row - trained_autoencoder.mean) / trained_autoencoder.deviation).sqrt()

    torch.testing.assert_close(cells[0, 2, 3], alone)


def test_the_same_rows_and_seed_give_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_autoencoder, "STEPS", 3)
    rows = good_patches(50, 1)
    one = train_feature_autoencoder(rows, 7).state_dict()
    torch.manual_seed(99)
    again, other = (train_feature_autoencoder(rows, seed).state_dict() for seed in (7, 8))

    assert all(torch.equal(value, again[name]) for name, value in one.items())
    assert not all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_patch_is_the_mean_of_its_surroundings_in_both_maps() -> None:
    fine, middle = torch.rand(2, 128, 5, 4), torch.rand(2, 256, 5, 4)
    found = autoencoder_patches(FeatureMaps(fine, middle, torch.rand(2, 512, 2, 2), torch.rand(2, STATISTICS_SIZE)))

    assert found.shape == (2, 384, 5, 4)
    torch.testing.assert_close(found[:, :128, 2, 1], fine[:, :, 1:4, 0:3].mean((2, 3)))
    torch.testing.assert_close(found[:, 128:, 3, 2], middle[:, :, 2:5, 1:4].mean((2, 3)))


def test_beside_an_auxiliary_backbone_it_rebuilds_that_ones_maps() -> None:
    fine, maps = torch.rand(2, 48, 10, 8), torch.rand(2, 120, 5, 4)
    part = make_feature_maps(good_patches(20, 6))._replace(fine=fine, aux_maps=maps)
    found = autoencoder_patches(part)

    assert found.shape == (2, 168, 5, 4)
    # A patch of the coarser grid is 3 × 3 of its cells, 6 × 6 of the finer one's.
    torch.testing.assert_close(found[:, :48, 2, 1], fine[:, :, 2:8, 0:6].mean((2, 3)))
    torch.testing.assert_close(found[:, 48:, 3, 2], maps[:, :, 2:5, 1:4].mean((2, 3)))
