"""Fixtures: a small training by the whole recipe, and a part scored by its version."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from tests.interface.version_files import hashed_while
from tests.shared_fixture import make_once
from tests.tiny_model import CONFIG, MakeVersion, labeled_samples, train_once

if TYPE_CHECKING:
    from mltasks.vision.learn import Learned

# All networks and detectors, on images of one cell of the trunk's last maps
WHOLE = replace(CONFIG, height=32, width=32, curve_shares=(0.5,))


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, list[str]]:
    """Return a version and the texts that were hashed while it was trained, once a test run."""

    def make(folder: Path) -> tuple[Learned, list[str]]:
        return hashed_while(lambda: train_once(WHOLE, tmp_path_factory, "learned-interface"))

    return make_once(tmp_path_factory, "hashed-interface", make)


@pytest.fixture(scope="session")
def learned(training: tuple[Learned, list[str]]) -> Learned:
    """Return the version, in place of the session's plain one: ``make_version`` takes it."""
    return training[0]


@pytest.fixture
def champion(make_version: MakeVersion, settings: Any, tmp_path: Path) -> Any:
    """Return a product's first version, made champion."""
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"
    call_command("create_product", "phone-case", stdout=io.StringIO())
    return make_version(apps.get_model("inspection", "Product").objects.get(), champion=True)


@pytest.fixture
def answer(champion: Any) -> Any:
    """Return the answer to a station's image that the champion scored."""
    key = io.StringIO()
    call_command("create_station", "phone-case", "line-1", stdout=key)
    image = SimpleUploadedFile("part.jpg", labeled_samples()[0].path.read_bytes(), "image/jpeg")
    headers = {"Authorization": f"Api-Key {key.getvalue().strip()}"}
    return Client().post("/api/v1/inspections/", {"file": image}, headers=headers)
