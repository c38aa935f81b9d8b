"""Importing a labeled folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from PIL import Image

from inspection.intake import image_import
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product
from inspection.refusals import DiskFull
from labeling.datasets import datasets
from labeling.folder_import import label_import
from labeling.folder_import.image_folders import FolderNames, NotAnImageFolder
from labeling.folder_import.label_import import import_images, import_listing, list_folder
from labeling.models import DefectType, Label
from labeling.review import review
from tests.inspection.sample_images import damaged_jpeg, short_jpeg
from tests.labeling.conftest import make_product
from tests.labeling.folder_import.class_folders import draw_image, labels_of, refused_codes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw_image(tmp_path / "good" / "one.png", 1)
    draw_image(tmp_path / "good" / "two.jpg", 2)
    draw_image(tmp_path / "bad" / "three.png", 3)
    draw_image(tmp_path / "scratch" / "four.png", 4)
    return tmp_path


def test_folders_say_what_the_images_show(product: Product, folder: Path, ada: User) -> None:
    summary = import_listing(product, list_folder(product, folder, FolderNames()), reviewer=ada)
    assert (summary.imported, summary.already_imported, summary.refused) == (4, 0, [])
    assert labels_of(product) == {"one.png": "PASS", "two.jpg": "PASS", "three.png": "FAIL", "four.png": "FAIL scratch"}
    part = Inspection.objects.get(original_filename="one.png")
    assert (part.state, part.source, part.verdict) == ("imported", "import", None)
    assert (settings.MEDIA_ROOT / part.image_name).read_bytes() == (folder / "good" / "one.png").read_bytes()
    label = part.labels.get()
    assert (label.source, label.reviewer) == (Label.Source.IMPORT, ada)


@pytest.mark.parametrize("name", ["good", "ok", "pass", "OK"])
def test_good_has_three_names(product: Product, tmp_path: Path, name: str) -> None:
    draw_image(tmp_path / name / "one.png", 1)
    import_images(product, tmp_path)
    assert labels_of(product) == {"one.png": "PASS"}


def test_new_defect_types_keep_their_name_and_get_a_key(product: Product, tmp_path: Path) -> None:
    DefectType.objects.create(product=product, name="dent", key="1")
    for number, name in enumerate(("Edge_Chip", "oil stain!", "dent")):
        draw_image(tmp_path / name / "one.png", number)
    import_images(product, tmp_path)
    assert dict(product.defect_types.values_list("name", "key")) == {"Edge_Chip": "2", "oil-stain": "3", "dent": "1"}


def test_the_same_folder_twice_is_one_inspection_a_file(product: Product, folder: Path) -> None:
    import_images(product, folder)
    again = import_images(product, folder)
    assert (again.imported, again.already_imported, again.refused) == (0, 4, [])
    assert Inspection.objects.count() == Label.objects.count() == 4


def test_the_same_bytes_under_another_name_are_one_inspection(product: Product, folder: Path) -> None:
    (folder / "good" / "copy.png").write_bytes((folder / "good" / "one.png").read_bytes())
    summary = import_images(product, folder)
    assert (summary.imported, summary.already_imported) == (4, 1)


def test_another_product_imports_the_same_files_for_itself(product: Product, folder: Path) -> None:
    import_images(product, folder)
    assert import_images(make_product("case"), folder).imported == 4
    assert len({part.image_name for part in Inspection.objects.all()}) == 4


def test_an_import_that_was_cut_off_goes_on(product: Product, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_import, "BATCH_SIZE", 2)
    import_image = image_import.import_image

    def full_at_the_last(submission: Submission, *, folder_bit_depth: int) -> Inspection:
        if submission.filename == "four.png":
            raise DiskFull("The disk is full.")
        return import_image(submission, folder_bit_depth=folder_bit_depth)

    with monkeypatch.context() as patch:
        patch.setattr(image_import, "import_image", full_at_the_last)
        with pytest.raises(DiskFull):
            import_images(product, folder)
    # The first batch stayed, and of the broken one nothing: no part is without its label.
    assert labels_of(product) == {"three.png": "FAIL", "one.png": "PASS"}
    assert Inspection.objects.count() == 2
    again = import_images(product, folder)
    assert (again.imported, again.already_imported) == (2, 2)


def test_what_people_said_since_then_stays(product: Product, folder: Path, ada: User) -> None:
    import_images(product, folder)
    part = Inspection.objects.get(original_filename="one.png")
    corrected = review.correct(part, by=ada, verdict="FAIL")
    assert import_images(product, folder).already_imported == 4
    assert review.standing_label(part) == corrected


def test_it_refuses_the_same_bytes_under_another_label(product: Product, folder: Path) -> None:
    (folder / "scratch" / "again.png").write_bytes((folder / "good" / "one.png").read_bytes())
    first = import_images(product, folder)
    again = import_images(product, folder)
    assert refused_codes(first) == refused_codes(again) == {"scratch/again.png": "labeled_otherwise"}
    assert "imported as good before, but it is in the folder scratch/ now" in again.refused[0].detail
    assert labels_of(product)["one.png"] == "PASS"


def test_it_refuses_what_is_no_image_and_imports_the_rest(product: Product, folder: Path) -> None:
    (folder / "good" / "text.jpg").write_text("not an image")
    (folder / "good" / "empty.png").write_bytes(b"")
    whole = (folder / "good" / "two.jpg").read_bytes()
    (folder / "good" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    summary = import_images(product, folder)
    assert summary.imported == 4
    assert refused_codes(summary) == {
        "good/cut.jpg": "truncated_image",
        "good/empty.png": "invalid_image",
        "good/text.jpg": "unsupported_format",
    }


def test_it_refuses_folders_in_folders_and_images_without_a_class(product: Product, folder: Path) -> None:
    draw_image(folder / "good" / "more" / "deep.png", 9)
    draw_image(folder / "loose.png", 10)
    draw_image(folder / "!!!" / "odd.png", 11)
    assert refused_codes(import_images(product, folder)) == {
        "good/more/": "nested_folder",
        "loose.png": "no_label",
        "!!!/": "invalid_defect_type",
    }


def test_it_says_what_it_left_out(product: Product, folder: Path) -> None:
    draw_image(folder / "raw" / "frame.png", 12)
    (folder / ".DS_Store").touch()
    (folder / "good" / ".thumbs").touch()
    (folder / "README.md").touch()
    summary = import_listing(product, list_folder(product, folder, FolderNames(skip=["raw"])))
    assert sorted(summary.left_out) == [".DS_Store", "README.md", "good/.thumbs", "raw"]
    assert (summary.imported, summary.refused) == (4, [])


@pytest.mark.parametrize("make", [False, True])
def test_it_refuses_a_path_without_class_folders(product: Product, tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "empty").mkdir()
    with pytest.raises(NotAnImageFolder):
        import_images(product, tmp_path / "empty")


def test_it_tells_how_far_it_is(product: Product, folder: Path) -> None:
    (folder / "good" / "text.jpg").write_text("not an image")
    told: list[tuple[int, int]] = []
    import_listing(
        product, list_folder(product, folder, FolderNames()), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_the_command_prints_a_summary(product: Product, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_image(folder / "raw" / "frame.png", 12)
    call_command("import_images", "plate", str(folder), "--skip", "raw,other")
    printed = capsys.readouterr()
    assert "plate: 4 imported, 0 already imported, none refused." in printed.out
    assert "left out: raw" in printed.out
    assert "100%" in printed.err


def test_the_command_fails_when_a_file_was_refused(
    product: Product, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "good" / "text.jpg").write_text("not an image")
    with pytest.raises(CommandError, match="4 imported, 0 already imported, 1 refused"):
        call_command("import_images", "plate", str(folder))
    assert "refused good/text.jpg: unsupported_format: " in capsys.readouterr().err
    assert Label.objects.count() == 4


def test_the_command_refuses_an_unknown_product_and_folder(product: Product, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="create_product"):
        call_command("import_images", "nothing", str(tmp_path))
    with pytest.raises(CommandError, match="does not exist"):
        call_command("import_images", "plate", str(tmp_path / "nowhere"))


def test_it_refuses_a_damaged_file_by_name(product: Product, folder: Path) -> None:
    (folder / "good" / "damaged.jpg").write_bytes(damaged_jpeg())
    (folder / "good" / "short.jpg").write_bytes(short_jpeg())

    summary = import_images(product, folder)

    assert refused_codes(summary) == {"good/damaged.jpg": "damaged_image", "good/short.jpg": "truncated_image"}
    assert summary.imported == 4
    assert not Inspection.objects.filter(original_filename__in=["damaged.jpg", "short.jpg"]).exists()


def test_a_folder_of_few_bits_is_read_by_one_depth(product: Product, tmp_path: Path) -> None:
    for name, peak in (("good/dark", 900), ("good/bright", 3900), ("bad/dark", 800)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.linspace(0, peak, 32 * 32).reshape(32, 32).astype(np.uint16)).save(path)
    draw_image(tmp_path / "good" / "eight.png", 7)

    summary = import_images(product, tmp_path)

    assert (summary.imported, summary.bit_depth) == (4, 12)
    depths = dict(Inspection.objects.values_list("original_filename", "bit_depth").distinct())
    assert depths == {"dark.png": 12, "bright.png": 12, "eight.png": None}
    assert {sample.bit_depth for sample in datasets.samples(product)} == {12, None}
