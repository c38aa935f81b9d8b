"""Four small images and one epoch of each training, for tests of what all learning has in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mltasks.vision.types import Sample
from tests.tiny_model import CONFIG
from tests.vision.sample_images import gradient

TINY = replace(CONFIG, batch_size=4)
ALL_INDEXES = [0, 1, 2, 3]


def four_samples(folder: Path) -> list[Sample]:
    """Gradients, every second one called defective, each a part."""
    samples = []
    for number in ALL_INDEXES:
        path = folder / f"{number}.png"
        gradient(50 + number, 40).save(path)
        samples.append(Sample(path.name, f"sha-{number}", path, number % 2, path.name))
    return samples
