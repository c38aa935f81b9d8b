"""Exporting labels as CSV."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from inspection.models import Product
from labeling import exporting, review
from labeling.models import DefectType
from tests.labeling.conftest import make_part, make_person, make_product


def exported(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_labeled_image_is_a_line(
    product: Product, ada: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DefectType.objects.create(product=product, name="scratch")
    first, second = make_part(product, title="a.jpg"), make_part(product, part_id="Ø 7, left")
    make_part(product, title="nobody looked.jpg")
    review.correct(make_part(make_product("case")), by=ada, verdict="FAIL")
    review.correct(first, by=ada, verdict="PASS")
    label = review.correct(first, by=ada, verdict="FAIL", defect_type="scratch")
    review.correct(second, by=ada, verdict="PASS")
    path = tmp_path / "labels.csv"
    call_command("export_labels", "plate", str(path))
    assert "2 labels" in capsys.readouterr().out
    lines = exported(path)
    assert list(lines[0]) == ["name", "sha256", "label", "defect type", "reviewer", "time"]
    assert datetime.fromisoformat(lines[0].pop("time")) == label.created_at
    assert lines[0] == {
        "name": "a.jpg",
        "sha256": first.image_sha256,
        "label": "FAIL",
        "defect type": "scratch",
        "reviewer": "ada",
    }
    assert (lines[1]["name"], lines[1]["label"], lines[1]["defect type"]) == ("Ø 7, left", "PASS", "")
    assert len(lines) == 2


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(product: Product, tmp_path: Path, title: str) -> None:
    review.correct(make_part(product, title=title), by=make_person("@home"), verdict="PASS")
    exporting.export_labels(product, tmp_path / "labels.csv")
    line = exported(tmp_path / "labels.csv")[0]
    assert (line["name"], line["reviewer"]) == (f"'{title}", "'@home")


def test_a_failed_export_leaves_the_old_file_whole(
    product: Product, ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("yesterday's")
    review.correct(make_part(product), by=ada, verdict="PASS")

    def breaks(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labeling.exporting.os.fsync", breaks)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export_labels", "plate", str(path))
    assert path.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [path]


def test_it_refuses_an_unknown_product_and_place(product: Product, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no product"):
        call_command("export_labels", "nothing", str(tmp_path / "labels.csv"))
    with pytest.raises(CommandError, match="can't be written"):
        call_command("export_labels", "plate", str(tmp_path / "nowhere" / "labels.csv"))
