"""Names, leftovers and files of all kinds in an imported folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inspection.models import Inspection, Product
from labeling.datasets import defect_type_service
from labeling.folder_import.label_import import import_images
from labeling.models import DefectType
from labeling.models.type_names import fold_name, normalize_type_name
from tests.labeling.folder_import.class_folders import draw_image, labels_of, refused_codes


@pytest.mark.parametrize("name", ["good ", "Good", "_good_", "ＯＫ", "PASS"])
def test_it_takes_other_spellings_for_good(product: Product, tmp_path: Path, name: str) -> None:
    draw_image(tmp_path / name / "one.png", 1)
    assert import_images(product, tmp_path).refused == []
    assert labels_of(product) == {"one.png": "PASS"}


@pytest.mark.parametrize(
    "name",
    [
        "OK!",
        "ok_front",
        "normal",
        "gut",
        "i.O.",
        "iO",
        "Good2",
        "良品",
        "норма",
        "no_defects",
        "defect-free",
        "fehlerfrei",
    ],
)
def test_it_refuses_a_name_that_reads_like_good_parts(product: Product, tmp_path: Path, name: str) -> None:
    draw_image(tmp_path / name / "one.png", 1)
    draw_image(tmp_path / "scratch" / "two.png", 2)
    summary = import_images(product, tmp_path)
    assert refused_codes(summary) == {f"{name}/": "ambiguous_folder"}
    assert f"--good '{name}'" in summary.refused[0].detail and f"--defect '{name}'" in summary.refused[0].detail
    assert labels_of(product) == {"two.png": "FAIL scratch"}


@pytest.mark.parametrize("name", ["nok", "n.i.O.", "not_ok", "no-good", "abnormal", "不良品", "defective", "bookmark"])
def test_it_takes_what_reads_like_no_good_part_for_a_defect(product: Product, tmp_path: Path, name: str) -> None:
    draw_image(tmp_path / name / "one.png", 1)
    assert import_images(product, tmp_path).refused == []
    assert labels_of(product)["one.png"].startswith("FAIL ")


def test_the_person_says_what_an_ambiguous_folder_is(product: Product, tmp_path: Path) -> None:
    draw_image(tmp_path / "ok_front" / "one.png", 1)
    draw_image(tmp_path / "Normal wear" / "two.png", 2)
    call_command("import_images", "plate", str(tmp_path), "--good", "OK front,other", "--defect", "normal-wear")
    assert labels_of(product) == {"one.png": "PASS", "two.png": "FAIL normal-wear"}


@pytest.mark.parametrize("name", ["划痕", "царапина", "खरोंच", "Kratzer_groß", "긁힘", "خدش"])
def test_letters_of_every_script_name_a_type(product: Product, tmp_path: Path, name: str) -> None:
    draw_image(tmp_path / name / "one.png", 1)
    assert import_images(product, tmp_path).refused == []
    kind = DefectType.objects.get()
    kind.full_clean()
    assert kind.name == name and labels_of(product) == {"one.png": f"FAIL {name}"}
    assert defect_type_service.add_type(product, name=f"{name} 2").name == f"{name.lower()}-2"


def test_names_that_are_equal_after_folding_are_one_type(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DefectType.objects.create(product=product, name="oil_stain")
    for number, name in enumerate(("Scratch", "scratch", "ＳＣＲＡＴＣＨ", "Oil stain", "pêche", "peche")):
        draw_image(tmp_path / name / f"{number}.png", number)
    call_command("import_images", "plate", str(tmp_path))
    assert set(product.defect_types.values_list("name", flat=True)) == {"Scratch", "oil_stain", "pêche", "peche"}
    printed = capsys.readouterr().out
    assert "scratch/: defect type Scratch, the same as Scratch/, 1 file\n" in printed
    assert "Oil stain/: defect type oil_stain, the same as the product's type oil_stain, 1 file\n" in printed


def test_a_folder_keeps_the_type_that_earlier_programs_made_of_it(product: Product, tmp_path: Path) -> None:
    DefectType.objects.create(product=product, name="ol-fleck")
    draw_image(tmp_path / "Öl Fleck" / "one.png", 1)
    import_images(product, tmp_path)
    assert labels_of(product) == {"one.png": "FAIL ol-fleck"}


def test_names_are_made_and_compared_alike() -> None:
    assert (
        normalize_type_name("oil  stain!") == "oil-stain"
        and normalize_type_name("!!!") == normalize_type_name("__") == ""
    )
    assert len(normalize_type_name("ü" * 100)) == 80
    assert fold_name("Straße_A") == fold_name(" STRASSE-a ") != fold_name("Strasse B")


def test_a_dry_run_says_what_each_folder_is_taken_for(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("good/a", "good/b", "bad/c", "scratch/d")):
        draw_image(tmp_path / f"{name}.png", number)
    call_command("import_images", "plate", str(tmp_path), "--dry-run")
    assert capsys.readouterr().out.splitlines() == [
        "bad/: defective, 1 file",
        "good/: good parts, 2 files",
        "scratch/: defect type scratch, 1 file",
        "plate: 2 good, 2 defective. Nothing was imported.",
    ]
    draw_image(tmp_path / "gut" / "e.png", 5)
    with pytest.raises(CommandError, match="Nothing was imported, 1 would be refused"):
        call_command("import_images", "plate", str(tmp_path), "--dry-run")
    assert not Inspection.objects.exists() and not DefectType.objects.exists()
    draw_image(tmp_path / " raw" / "f.png", 6)
    call_command("import_images", "plate", str(tmp_path), "--skip", "gut,raw")
    printed = capsys.readouterr().out
    assert printed.count("good/: good parts, 2 files\n") == 2 + 1 and "2 good and 2 defective.\n" in printed


def test_it_leaves_out_what_other_programs_left_behind(product: Product, tmp_path: Path) -> None:
    draw_image(tmp_path / "good" / "one.png", 1)
    for name in ("Thumbs.db", "desktop.ini", "good/Thumbs.db", "good/.DS_Store", "good/._one.png", "DESKTOP.INI"):
        (tmp_path / name).touch()
    for name in ("@eaDir", "__MACOSX", "good/@eaDir", "$RECYCLE.BIN"):
        draw_image(tmp_path / name / "copy.png", 2)
    summary = import_images(product, tmp_path)
    assert (summary.imported, summary.refused) == (1, [])
    assert set(summary.left_out) == {
        *("Thumbs.db", "desktop.ini", "DESKTOP.INI", "@eaDir", "__MACOSX", "$RECYCLE.BIN"),
        *("good/Thumbs.db", "good/.DS_Store", "good/._one.png", "good/@eaDir"),
    }


def test_it_refuses_an_empty_folder(product: Product, tmp_path: Path) -> None:
    draw_image(tmp_path / "good" / "one.png", 1)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "Thumbs.db").touch()
    with pytest.raises(CommandError, match="1 imported, 0 already imported, 1 refused"):
        call_command("import_images", "plate", str(tmp_path))
    assert refused_codes(import_images(product, tmp_path)) == {"scratch/": "empty_folder"}


def test_it_refuses_what_is_no_file_and_does_not_hang(product: Product, tmp_path: Path) -> None:
    good = draw_image(tmp_path / "good" / "one.png", 1).parent
    os.mkfifo(good / "pipe.png")
    (good / "loop.png").symlink_to("loop.png")
    (good / "lost.png").symlink_to("nowhere")
    (good / "up").symlink_to("..")
    (tmp_path / "round").symlink_to(".")
    (tmp_path / "scratch").symlink_to("nowhere")
    (tmp_path / "dent").symlink_to("dent")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(good / "s"))
    assert refused_codes(import_images(product, tmp_path)) == {
        "good/pipe.png": "not_a_file",
        "good/s": "not_a_file",
        "good/loop.png": "unreadable",
        "good/lost.png": "unreadable",
        "good/up/": "nested_folder",
        "round/good/": "nested_folder",
        "round/round/": "nested_folder",
        "round/scratch": "unreadable",
        "round/dent": "unreadable",
        "scratch": "unreadable",
        "dent": "unreadable",
    }
    assert Inspection.objects.count() == 1


def test_a_name_in_any_encoding_is_imported(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate((b"Pr\xfcfteil.png", "検査".encode("cp932") + b".png", b"new\nline\x1b[31m.png")):
        draw_image(tmp_path / "good" / os.fsdecode(name), number)
    (tmp_path / "good" / os.fsdecode(b"kein Bild \xfc.png")).write_text("no image")
    draw_image(tmp_path / os.fsdecode(b"Kratzer \xfc") / "one.png", 9)
    with pytest.raises(CommandError, match="3 imported, 0 already imported, 2 refused"):
        call_command("import_images", "plate", str(tmp_path))
    assert set(labels_of(product)) == {r"Pr\xfcfteil.png", r"\x8c\x9f\x8d\xb8.png", "new\nline\x1b[31m.png"}
    printed = capsys.readouterr().err
    assert r"refused good/kein Bild \xfc.png: unsupported_format: " in printed
    assert r"refused Kratzer \xfc/: invalid_defect_type: " in printed
    assert import_images(product, tmp_path).already_imported == 3


def test_it_refuses_a_folder_that_it_may_not_read(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_image(tmp_path / "good" / "one.png", 1)
    draw_image(tmp_path / "scratch" / "two.png", 2)
    iterdir = Path.iterdir

    def closed(folder: Path) -> Iterator[Path]:
        if folder.name in shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return iterdir(folder)

    # Root may read everything, so that the file system can't refuse in a test.
    monkeypatch.setattr(Path, "iterdir", closed)
    shut = {"scratch"}
    assert refused_codes(import_images(product, tmp_path)) == {"scratch/": "unreadable"}
    shut = {tmp_path.name}
    with pytest.raises(CommandError, match="cannot be read: Permission denied"):
        call_command("import_images", "plate", str(tmp_path))
