"""Imports that run at the same time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection
from labeling.datasets import datasets
from labeling.folder_import import label_import
from labeling.folder_import.label_import import import_images
from labeling.models import DefectType, Label
from labeling.review import review
from mltasks.vision.types import DEFECT
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product

pytestmark = pytest.mark.django_db(transaction=True)


def draw_images(folder: Path, count: int) -> None:
    for number in range(count):
        kind = folder / ("good" if number % 2 else f"kind-{number % 6}")
        kind.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), number).save(kind / f"{number}.png")


def test_a_folder_imported_many_times_at_once_is_one_inspection_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_import, "BATCH_SIZE", 3)
    product = make_product()
    draw_images(tmp_path, 24)
    summaries = run_concurrently([partial(import_images, product, tmp_path) for _ in range(4)])
    assert sum(summary.imported for summary in summaries) == 24
    assert all(summary.files_done == 24 and not summary.refused for summary in summaries)
    assert Inspection.objects.count() == Label.objects.count() == 24
    keys = list(DefectType.objects.values_list("key", flat=True))
    assert sorted(keys) == ["1", "2", "3"]


def test_the_database_refuses_an_image_imported_twice() -> None:
    product = make_product()
    make_part(product, source="import", image_sha256="a" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_part(product, source="import", image_sha256="a" * 64)
    make_part(product, image_sha256="a" * 64)


def test_a_verdict_and_an_import_at_once_leave_the_persons_word(tmp_path: Path) -> None:
    product = make_product()
    (tmp_path / "good").mkdir()
    parts = []
    for number in range(12):
        path = tmp_path / "good" / f"{number}.png"
        Image.new("L", (16, 16), number).save(path)
        with path.open("rb") as image:
            parts.append(intake.receive(Submission(image, product)))
    ada = make_person("ada")

    def judge() -> None:
        for part in parts:
            review.correct(part, by=ada, verdict="FAIL")

    run_concurrently([judge, partial(import_images, product, tmp_path), partial(import_images, product, tmp_path)])
    assert [sample.target for sample in datasets.samples(product)] == [DEFECT] * 12
