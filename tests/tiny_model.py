"""A real but tiny trained version for tests: learned once a test run from drawn parts, linked for each test.

A pytest plugin. Fixtures: ``learned`` (the run's bundle) and ``make_version`` (a version's rows and files).
The science's own tests have another ``learned``, by the whole recipe.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings

from mltasks.vision.calibration.operating_point import KEEP_ALL_SCORES
from mltasks.vision.drawing.draw_part import DrawnPart, draw_part
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Sample
from tests.shared_fixture import make_once

if TYPE_CHECKING:  # Django is not set up yet when pytest loads this plugin
    from mltasks.models import ModelVersion, RegisteredModel
    from mltasks.vision.export.learn import LearnedVersion

CONFIG = TrainConfig(
    height=64,
    width=64,
    backbone_weights="random",
    folds=2,
    max_epochs=1,
    patience=1,
    batch_size=8,
    oversampling=1,
    views=1,
    dense_epochs=1,
    stage_epochs=1,
    stage_labels=1,
    autoencoder_epochs=1,
    threads=1,
    # Trying 8 bits takes as long as all the rest; `tests/vision/export/test_precision.py` does.
    precision="f32",
    # A graph of each score set takes as long as the training; `tests/vision/export/test_speed_trade.py` makes them.
    trade_points=0,
    # Which scores a selection keeps on sixteen parts depends on the processor's rounding, and the graph with it.
    score_removals=KEEP_ALL_SCORES,
)
# For all that asks no more of a version than that it is one: without the second network and with one detector it learns
# in half the time, and loads in a third.
PLAIN_CONFIG = replace(CONFIG, companion="", detectors=("memory",))
GOOD, SCRATCH, EXCESS = 8, 4, 4
# Of a drawn part, in pixels: the networks here see 64 × 64
DRAWN_SIZE = (144, 256)

MakeVersion = Callable[..., "ModelVersion"]


def small_parts(seed: int, good: int, scratch: int, excess: int) -> list[DrawnPart]:
    """As many drawn parts as asked for, good ones first, drawn in a quarter of the demo's time."""
    kinds = [PartKind.GOOD] * good + [PartKind.SCRATCH] * scratch + [PartKind.EXCESS] * excess
    return [draw_part(kind, seed * 1_000 + number, DRAWN_SIZE) for number, kind in enumerate(kinds)]


@functools.cache
def _drawn_jpegs() -> list[tuple[str, bytes]]:
    """Sixteen drawn parts as (kind, JPEG)."""
    found = []
    for part in small_parts(11, good=GOOD, scratch=SCRATCH, excess=EXCESS):
        stream = io.BytesIO()
        part.image.save(stream, format="JPEG", quality=92)
        found.append((part.kind.value, stream.getvalue()))
    return found


def labeled_samples(folder: Path | None = None) -> list[Sample]:
    """The drawn parts as labeled images below ``folder``, each a part. By default that is ``trained`` below MEDIA_ROOT,
    or below the cache of a bucket."""
    from mltasks.storage import object_store  # late: Django is not set up yet when pytest loads this plugin

    folder = folder or object_store.root() / "trained"
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, (kind, content) in enumerate(_drawn_jpegs()):
        sha256 = hashlib.sha256(content).hexdigest()
        path = folder / f"{sha256}.jpg"
        path.write_bytes(content)
        good = kind == "good"
        samples.append(
            Sample(
                name=f"{kind}-{number:02}.jpg",
                sha256=sha256,
                path=path,
                target=0 if good else 1,
                group=f"part-{number}",
                defect_type="" if good else kind,
            )
        )
    return samples


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> LearnedVersion:
    """One real training for all processes of the test run, a few seconds long."""
    return train_once(PLAIN_CONFIG, tmp_path_factory, "learned")


def train_once(config: TrainConfig, factory: pytest.TempPathFactory, name: str) -> LearnedVersion:
    """What the drawn parts teach by ``config``, once a test run."""
    from mltasks.vision.export.learn import learn  # late: only tests that need a version pay for torch

    def make(folder: Path) -> LearnedVersion:
        return learn(labeled_samples(folder / "parts"), config, folder / "bundle")

    return make_once(factory, name, make)


@pytest.fixture
def make_version(learned: LearnedVersion, db: None) -> MakeVersion:
    """Make a version of a registered model (or of a product): its snapshot, run, report and bundle are all real.

    ``champion=True`` promotes it.
    """

    def make(model: Any, *, champion: bool = False) -> ModelVersion:
        return _make(getattr(model, "registered_model", model), learned, champion)

    return make


def replace_file(path: Path, content: bytes) -> None:
    """Give one version's file another content, and leave the same file of all other versions alone."""
    path.unlink()
    path.write_bytes(content)


def _make(model: RegisteredModel, learned: LearnedVersion, champion: bool) -> ModelVersion:
    from mltasks.models import EvaluationReport, ModelVersion, TrainingRun
    from mltasks.registry import registry
    from mltasks.snapshots.snapshots import freeze

    snapshot = freeze(model, labeled_samples(), PLAIN_CONFIG)
    run = TrainingRun.objects.create(
        model=model, snapshot=snapshot, config=PLAIN_CONFIG.to_json(), state="succeeded", attempt=1, progress=1.0
    )
    # Linked, not copied: a bundle is some 100 MB. Whoever damages one goes through `replace_file`.
    shutil.copytree(learned.bundle_dir, Path(settings.VERSIONS_DIR) / run.bundle_name, copy_function=os.link)
    version = ModelVersion.objects.create(
        model=model,
        number=model.versions.count() + 1,
        run=run,
        bundle=run.bundle_name,
        sha256=learned.sha256,
        meta=learned.meta,
    )
    evaluation = dict(learned.report)
    del evaluation["predictions"]
    EvaluationReport.objects.create(version=version, protocol=evaluation["protocol"]["words"], evaluation=evaluation)
    if champion:
        registry.promote(version, by=None, reason="The test's champion.", override="The test needs it now.")
    return version
