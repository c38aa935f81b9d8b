"""A machine serves a version in the fastest allowed precision, by the training's times or by its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.registry import precision_choice, scorers
from mltasks.vision.serving import bundle, precision_timer
from mltasks.vision.serving.precisions import F32, PRECISIONS
from mltasks.vision.serving.processor import processor_id
from tests.tiny_model import MakeVersion, replace_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(model: RegisteredModel, make_version: MakeVersion, settings: Settings, tmp_path: Path) -> ModelVersion:
    """A version that another processor trained and that may be served in 8 bits."""
    settings.VAR = tmp_path
    version = make_version(model)
    set_precision(version, "another processor", {"f32": 50.0, "int8": 60.0})
    return version


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Precisions of each measurement."""
    rounds: list[list[str]] = []

    def measure(_: Path, precisions: list[Any]) -> dict[str, float]:
        rounds.append([precision.name for precision in precisions])
        return {"f32": 50.0, "int8": 25.0}

    monkeypatch.setattr(precision_timer, "measure_in_new_process", measure)
    return rounds


def set_precision(version: ModelVersion, processor: str, took: dict[str, float]) -> None:
    checks = {name: {"allowed": True, "milliseconds": milliseconds} for name, milliseconds in took.items()}
    version.meta = {**version.meta, "precision": {"processor": processor, "checks": checks}}


def test_the_times_of_the_training_count_on_such_a_processor(version: ModelVersion, measured: list[list[str]]) -> None:
    set_precision(version, processor_id(), {"f32": 50.0, "int8": 20.0})

    assert precision_choice.known_precision(version) == precision_choice.choose_precision(version) == PRECISIONS["int8"]
    assert measured == []


def test_another_processor_measures_once(version: ModelVersion, measured: list[list[str]]) -> None:
    assert precision_choice.known_precision(version) is None
    for _ in range(2):
        assert precision_choice.choose_precision(version) == PRECISIONS["int8"]

    assert precision_choice.known_precision(version) == PRECISIONS["int8"]
    assert measured == [["f32", "int8"]]


def test_a_new_processor_measures_again(
    version: ModelVersion, measured: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    precision_choice.choose_precision(version)
    monkeypatch.setattr(precision_choice, "processor_id", lambda: "a third processor")
    precision_choice.choose_precision(version)

    assert len(measured) == 2


def test_a_failed_measurement_serves_in_32_bits_and_is_tried_again(
    version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    # The directory of the tiny version has no graph in 8 bits, so the program that measures ends with an error.
    assert precision_choice.choose_precision(version) == F32
    assert "could not be timed" in caplog.text
    assert precision_choice.known_precision(version) is None


def test_a_scorer_is_loaded_in_the_chosen_precision(version: ModelVersion) -> None:
    set_precision(version, processor_id(), {"f32": 50.0, "int8": 20.0})
    copied = version.path / bundle.GRAPH_8_BITS
    shutil.copy(version.path / bundle.GRAPH, copied)
    shutil.copy(version.path / "serving.bin", copied.with_suffix(".bin"))
    hashes = bundle.file_hashes(version.path)
    replace_file(version.path / bundle.MANIFEST, json.dumps(hashes).encode())
    version.sha256 = bundle.digest_of_hashes(hashes)
    seen: list[Path] = []
    compile_model = scorers.Scorer.load.__globals__["compile_model"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            scorers.Scorer.load.__globals__,
            "compile_model",
            lambda path, *rest, **more: seen.append(path) or compile_model(path, *rest, **more),
        )
        scorers.get_scorer(version)

    assert seen == [copied]
