"""A recipe of one epoch each on small images, for tests of what all learning has in common."""

from __future__ import annotations

from mltasks.vision.types import TrainConfig

TINY = TrainConfig(
    height=64,
    width=64,
    views=1,
    threads=1,
    batch_size=4,
    oversampling=1,
    max_epochs=1,
    dense_epochs=1,
    stage_epochs=1,
    autoencoder_epochs=1,
)
