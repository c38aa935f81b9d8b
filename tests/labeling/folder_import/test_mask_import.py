"""Importing a folder with masks of its defects."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from PIL import Image

from inspection.images.image_removal import FOLDER_COUNT, clean_folder
from inspection.models import Inspection, Product
from labeling.datasets import datasets
from labeling.models import Label
from labeling.review import review
from mltasks.snapshots.snapshots import SnapshotDamaged, freeze, local_samples, verified_samples
from mltasks.vision.drawing.draw_part import DrawnPart, draw_part
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.types import Mark, Sample
from tests.s3 import SharedBucket
from tests.tiny_model import DRAWN_SIZE, PLAIN_CONFIG

pytestmark = pytest.mark.usefixtures("own_folders")


@functools.cache
def drawn(kind: PartKind, seed: int) -> DrawnPart:
    return draw_part(kind, seed, DRAWN_SIZE)


def save(path: Path, image: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def folder(tmp_path: Path, masks: Path) -> Path:
    """Drawn parts: six good ones, and six scratches of which five have a mask."""
    for number in range(6):
        save(tmp_path / "parts" / "good" / f"{number}.jpg", drawn(PartKind.GOOD, number).image)
        part = drawn(PartKind.SCRATCH, number)
        save(tmp_path / "parts" / "scratch" / f"{number}.jpg", part.image)
        if number:
            save(masks / "scratch" / f"{number}.png", Image.fromarray(part.mask))
    return tmp_path / "parts"


def import_masks(folder: Path, masks: Path, *options: str) -> None:
    call_command("import_images", "plate", str(folder), "--masks", str(masks), *options)


def samples_by_name(product: Product) -> dict[str, Sample]:
    return {f"{sample.defect_type or 'good'}/{sample.name}": sample for sample in datasets.samples(product)}


def read_pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_masks_reach_a_snapshots_samples(
    product: Product, folder: Path, masks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_masks(folder, masks)
    output = capsys.readouterr().out
    assert "5 of 12 images have a mask." in output and "5 masks stored." in output
    snapshot = freeze(product.registered_model, datasets.samples(product), PLAIN_CONFIG)
    samples = {sample.name: sample for sample in verified_samples(snapshot) if sample.target}
    assert samples.pop("0.jpg").mask is None
    for name, sample in samples.items():
        truth = drawn(PartKind.SCRATCH, int(Path(name).stem)).mask
        assert sample.mask is not None and sample.mask.is_relative_to(settings.MEDIA_ROOT / "masks")
        assert np.array_equal(read_pixels(sample.mask) > 0, truth)
        assert sample.marks == ()


def test_the_same_import_twice_adds_nothing(product: Product, folder: Path, masks: Path) -> None:
    import_masks(folder, masks)
    import_masks(folder, masks)
    assert (Inspection.objects.count(), Label.objects.count()) == (12, 12)


def test_masks_can_come_later_and_be_corrected(product: Product, folder: Path, masks: Path) -> None:
    call_command("import_images", "plate", str(folder))
    assert not any(sample.mask for sample in datasets.samples(product))
    import_masks(folder, masks)
    assert (Inspection.objects.count(), Label.objects.count()) == (12, 17)
    first = samples_by_name(product)["scratch/3.jpg"].mask
    save(masks / "scratch" / "3.png", Image.new("1", DRAWN_SIZE, 1))
    import_masks(folder, masks)
    second = samples_by_name(product)["scratch/3.jpg"].mask
    assert first is not None and second not in (None, first)
    assert Label.objects.count() == 18


def test_a_mask_never_replaces_what_a_person_said(
    product: Product, folder: Path, masks: Path, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("import_images", "plate", str(folder))
    part = Inspection.objects.get(original_filename="3.jpg", labels__verdict="FAIL")
    review.correct(part, by=ada, verdict="FAIL", defect_type="scratch", marks=[Mark(0.5, 0.5)])
    import_masks(folder, masks)
    assert "1 masks not stored: people labeled these images." in capsys.readouterr().out
    sample = samples_by_name(product)["scratch/3.jpg"]
    assert (sample.marks, sample.mask) == ((Mark(0.5, 0.5),), None)


@pytest.mark.slow
def test_no_cleaning_removes_a_mask(product: Product, folder: Path, masks: Path) -> None:
    import_masks(folder, masks)
    stored = [path for path in (settings.MEDIA_ROOT / "masks").rglob("*") if path.is_file()]
    for path in stored:
        os.utime(path, (0, 0))
    for number in range(FOLDER_COUNT):
        clean_folder(number)
    assert len(stored) == 5 and all(path.exists() for path in stored)


@pytest.mark.slow
def test_machines_that_share_a_bucket_share_its_masks(
    product: Product, folder: Path, masks: Path, bucket: SharedBucket
) -> None:
    import_masks(folder, masks)
    snapshot = freeze(product.registered_model, datasets.samples(product), PLAIN_CONFIG)
    bucket.switch_machine()
    with local_samples(snapshot) as samples:
        read = [read_pixels(sample.mask).any() for sample in samples if sample.mask]
    assert read == [True] * 5
    lost = next(name for name in bucket.names() if name.startswith("masks/"))
    bucket.remove(lost)
    bucket.switch_machine()
    with pytest.raises(SnapshotDamaged, match="1 of 12 images or masks"), local_samples(snapshot):
        pass


def test_a_mask_of_a_sideways_photo_is_upright(product: Product, tmp_path: Path, masks: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "parts" / "dent" / "one.jpg"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (80, 40), (90, 120, 60)).save(path, exif=exif)
    save(masks / "dent" / "one.png", Image.new("L", (40, 80), 255))
    import_masks(tmp_path / "parts", masks)
    assert samples_by_name(product)["dent/one.jpg"].mask is not None


def test_an_overruling_folder_brings_its_masks(product: Product, folder: Path, masks: Path, ada: User) -> None:
    call_command("import_images", "plate", str(folder))
    part = Inspection.objects.get(original_filename="3.jpg", labels__verdict="FAIL")
    review.correct(part, by=ada, verdict="PASS")
    import_masks(folder, masks, "--overrule", "measured in the lab")
    label = review.standing_label(part)
    assert label is not None and (label.verdict, bool(label.mask_sha256)) == ("FAIL", True)


def _wrong_size(path: Path) -> None:
    save(path, Image.new("L", (10, 10), 255))


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:80])


def _black(path: Path) -> None:
    save(path, Image.new("L", DRAWN_SIZE))


def _jpeg(path: Path) -> None:
    Image.new("L", DRAWN_SIZE, 255).save(path, "JPEG")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_wrong_size, _half, _black, _jpeg, _pipe, _folder])
def test_a_mask_that_does_not_fit_is_refused_by_name(
    product: Product, folder: Path, masks: Path, spoil, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(masks / "scratch" / "3.png")
    with pytest.raises(CommandError, match="11 imported, 0 already imported, 1 refused"):
        import_masks(folder, masks)
    assert "refused scratch/3.jpg: invalid_mask: scratch/3.png" in capsys.readouterr().err
    assert "scratch/3.jpg" not in samples_by_name(product)


def test_a_mask_above_the_byte_limit_is_refused(
    product: Product, folder: Path, masks: Path, settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.MAX_IMAGE_BYTES = max(path.stat().st_size for path in folder.rglob("*.jpg"))
    with (masks / "scratch" / "3.png").open("ab") as file:
        file.write(bytes(settings.MAX_IMAGE_BYTES))
    with pytest.raises(CommandError, match="1 refused"):
        import_masks(folder, masks)
    assert "invalid_mask" in capsys.readouterr().err


def test_a_good_part_may_have_a_black_mask_and_no_other(
    product: Product, folder: Path, masks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(masks / "good" / "1.png", Image.new("L", DRAWN_SIZE))
    save(masks / "good" / "2.png", Image.new("L", DRAWN_SIZE, 1))
    with pytest.raises(CommandError, match="1 refused"):
        import_masks(folder, masks)
    assert "good/2.png marks a defect" in capsys.readouterr().err
    assert samples_by_name(product)["good/1.jpg"].mask is None


def test_masks_without_an_image_are_named(
    product: Product, folder: Path, masks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(masks / "scratch" / "99.png", Image.new("L", DRAWN_SIZE, 255))
    import_masks(folder, masks, "--dry-run")
    assert "masks without an image: scratch/99.png" in capsys.readouterr().err
    assert not Label.objects.exists()


@pytest.mark.parametrize("where, why", [("nowhere", "does not exist"), ("parts/good", "No image has a mask")])
def test_a_folder_without_any_mask_is_a_mistake(
    product: Product, folder: Path, tmp_path: Path, where: str, why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        import_masks(folder, tmp_path / where)
    assert not Label.objects.exists()


def test_a_folder_of_masks_among_the_class_folders_is_no_class(product: Product, folder: Path, masks: Path) -> None:
    inside = folder / "ground_truth"
    masks.rename(inside)
    import_masks(folder, inside)
    assert set(product.defect_types.values_list("name", flat=True)) == {"scratch"}
    assert sum(sample.mask is not None for sample in datasets.samples(product)) == 5
