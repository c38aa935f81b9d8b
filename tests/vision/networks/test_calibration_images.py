"""Drawn images that calibrate: always the same, and as different from each other as parts are."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.networks.calibration_images import MIN_DEVIATION, calibration_images, channel_statistics


def test_they_are_always_the_same_images_in_range() -> None:
    drawn, state = calibration_images.__wrapped__(), torch.get_rng_state()

    assert drawn.shape == (32, 3, 128, 128)
    assert 0 <= drawn.min() < 0.1 and 0.9 < drawn.max() <= 1
    assert torch.equal(drawn, calibration_images())
    assert torch.equal(torch.get_rng_state(), state)
    assert len({image.numpy().tobytes() for image in drawn}) == 32


def test_channels_have_a_mean_and_a_deviation_to_divide_by() -> None:
    rows = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    mean, deviation = channel_statistics(rows)

    assert mean.tolist() == [2, 5]
    assert deviation.tolist() == pytest.approx([2**0.5, MIN_DEVIATION])
