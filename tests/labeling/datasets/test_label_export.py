"""Exporting labels as CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from inspection.models import Product, Station
from labeling.models import DefectType, Label
from labeling.review import review
from mltasks.vision.types import Mark
from tests.labeling.conftest import make_part, make_person, make_product


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_has_the_place_of_each_defect(product: Product, ada: User, bob: User, tmp_path: Path) -> None:
    marked, masked, good = (make_part(product, original_filename=name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    review.correct(marked, by=ada, verdict="FAIL", marks=[Mark(0.5, 0.25, 0.125, 0)])
    review.correct(marked, by=bob, verdict="FAIL")
    Label.objects.create(inspection=masked, verdict="FAIL", source=Label.Source.IMPORT, mask_sha256="ab" * 32)
    review.correct(good, by=ada, verdict="FAIL", marks=[Mark(0.5, 0.5)])
    review.correct(good, by=ada, verdict="PASS")
    call_command("export_labels", "plate", str(tmp_path / "labels.csv"))
    places = {line["name"]: (line["marks"], line["mask"]) for line in read_csv(tmp_path / "labels.csv")}
    assert json.loads(places["a.jpg"][0]) == [{"left": 0.5, "top": 0.25, "width": 0.125, "height": 0.0}]
    assert (places["b.jpg"], places["c.jpg"]) == (("", f"masks/ab/{'ab' * 32}.png"), ("", ""))


def test_every_labeled_image_is_a_line(
    product: Product, ada: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DefectType.objects.create(product=product, name="scratch")
    station = Station.objects.create(product=product, name="line-1")
    first, second = (
        make_part(product, original_filename="a.jpg"),
        make_part(product, part_id="Ø 7, left", station=station),
    )
    make_part(product, original_filename="nobody looked.jpg")
    review.correct(make_part(make_product("case")), by=ada, verdict="FAIL")
    review.correct(first, by=ada, verdict="PASS")
    label = review.correct(first, by=ada, verdict="FAIL", defect_type="scratch")
    review.correct(second, by=ada, verdict="PASS")
    path = tmp_path / "labels.csv"
    call_command("export_labels", "plate", str(path))
    assert "2 labels" in capsys.readouterr().out
    lines = read_csv(path)
    appended = ["part_id", "inspection_id", "station", "received_at", "marks", "mask"]
    assert list(lines[0]) == ["name", "sha256", "label", "defect type", "reviewer", "time", *appended]
    assert datetime.fromisoformat(lines[0].pop("time")) == label.created_at
    assert datetime.fromisoformat(lines[0].pop("received_at")) == first.received_at
    assert lines[0] == {
        "name": "a.jpg",
        "sha256": first.image_sha256,
        "label": "FAIL",
        "defect type": "scratch",
        "reviewer": "ada",
        "part_id": "",
        "inspection_id": str(first.pk),
        "station": "",
        "marks": "",
        "mask": "",
    }
    assert (lines[1]["part_id"], lines[1]["station"]) == ("Ø 7, left", "line-1")
    assert (lines[1]["name"], lines[1]["label"], lines[1]["defect type"]) == ("Ø 7, left", "PASS", "")
    assert len(lines) == 2


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(product: Product, tmp_path: Path, title: str) -> None:
    review.correct(make_part(product, original_filename=title, part_id=title), by=make_person("@home"), verdict="PASS")
    call_command("export_labels", "plate", str(tmp_path / "labels.csv"))
    line = read_csv(tmp_path / "labels.csv")[0]
    assert (line["name"], line["part_id"], line["reviewer"]) == (f"'{title}", f"'{title}", "'@home")


def test_stations_that_send_one_name_get_lines_of_their_own(product: Product, ada: User, tmp_path: Path) -> None:
    for _ in range(3):
        review.correct(make_part(product, original_filename="image.jpg", image_sha256="a" * 64), by=ada, verdict="PASS")
    call_command("export_labels", "plate", str(tmp_path))
    lines = read_csv(tmp_path / "plate-labels.csv")
    assert len({line["inspection_id"] for line in lines}) == len({line["received_at"] for line in lines}) == 3


def test_standard_output_holds_the_labels_alone(product: Product, ada: User, capfd: pytest.CaptureFixture[str]) -> None:
    review.correct(make_part(product, original_filename="a.jpg"), by=ada, verdict="PASS")
    call_command("export_labels", "plate", "-")
    printed = capfd.readouterr()
    assert [line["name"] for line in csv.DictReader(io.StringIO(printed.out))] == ["a.jpg"]
    assert printed.err == "plate: 1 labels written to standard output\n"


def test_a_failed_export_leaves_the_old_file_whole(
    product: Product, ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("yesterday's")
    review.correct(make_part(product), by=ada, verdict="PASS")

    def breaks(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", breaks)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export_labels", "plate", str(path))
    assert path.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [path]


def test_it_refuses_an_unknown_product_and_place(product: Product, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no product"):
        call_command("export_labels", "nothing", str(tmp_path / "labels.csv"))
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_labels", "plate", str(tmp_path / "nowhere" / "labels.csv"))
