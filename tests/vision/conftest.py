"""A version by the whole recipe, and as serving has it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mltasks.vision.data.decoding import decode
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import InputSize
from tests.tiny_model import CONFIG, train_once


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> LearnedVersion:
    """A version by the whole recipe, once a test run."""
    return train_once(CONFIG, tmp_path_factory, "learned-whole")


@pytest.fixture(scope="module")
def scorer(learned: LearnedVersion) -> Scorer:
    """Loaded from the version's directory."""
    return Scorer.load(learned.bundle_dir, expected_sha256=learned.sha256, threads=1)


@pytest.fixture(scope="module")
def images(learned: LearnedVersion) -> list[NDArray[np.uint8]]:
    """What it was measured on, at its input size."""
    return [decode(one.path, size=InputSize(64, 64)) for one in learned.evaluation.predictions]
