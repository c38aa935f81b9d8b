"""A folder that contradicts people: refused, unless somebody overrules them and says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product
from labeling.datasets import datasets
from labeling.folder_import.label_import import import_images
from labeling.models import DefectType, Label, Recheck
from labeling.review import review
from mltasks.vision.types import DEFECT, GOOD
from tests.labeling.conftest import make_person
from tests.labeling.folder_import.class_folders import draw_image, refused_codes

REASON = "Golden set, measured by the laboratory"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return draw_image(tmp_path / "parts" / "good" / "one.png", 1)


@pytest.fixture
def sent_part(product: Product, image: Path) -> Inspection:
    """The same bytes, as a photo that waits for a person."""
    with image.open("rb") as file:
        return intake.receive(Submission(file, product, filename="photo.png"))


def run_import(image: Path, *arguments: str) -> None:
    call_command("import_images", "plate", str(image.parents[1]), *arguments)


def targets(product: Product) -> list[int]:
    return [sample.target for sample in datasets.samples(product)]


def test_it_refuses_to_contradict_a_person(
    product: Product, image: Path, sent_part: Inspection, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    review.correct(sent_part, by=ada, verdict="FAIL")
    with pytest.raises(CommandError, match="0 imported, 0 already imported, 1 refused, 1 of them labeled_otherwise"):
        run_import(image)
    printed = capsys.readouterr().err
    assert (
        "refused good/one.png: labeled_otherwise: ada labeled the image FAIL on " in printed
        and "--overrule REASON" in printed
    )
    assert targets(product) == [DEFECT] and Inspection.objects.get() == sent_part


def test_a_folder_that_agrees_with_a_person_adds_nothing(
    product: Product, image: Path, sent_part: Inspection, ada: User
) -> None:
    review.correct(sent_part, by=ada, verdict="PASS")
    summary = import_images(product, image.parents[1])
    assert (summary.imported, summary.already_imported, summary.refused) == (0, 1, [])
    assert Label.objects.count() == Inspection.objects.count() == 1


def test_a_folder_that_names_no_type_keeps_the_persons(
    product: Product, image: Path, sent_part: Inspection, ada: User
) -> None:
    DefectType.objects.create(product=product, name="scratch")
    review.correct(sent_part, by=ada, verdict="FAIL", defect_type="scratch")
    image.parent.rename(image.parents[1] / "bad")
    assert import_images(product, image.parents[1]).already_imported == 1
    (image.parents[1] / "bad").rename(image.parents[1] / "dent")
    assert refused_codes(import_images(product, image.parents[1])) == {"dent/one.png": "labeled_otherwise"}
    assert [sample.defect_type for sample in datasets.samples(product)] == ["scratch"]


def test_it_overrules_a_person_with_a_reason(product: Product, image: Path, sent_part: Inspection, ada: User) -> None:
    review.correct(sent_part, by=ada, verdict="FAIL")
    run_import(image, "--overrule", REASON)
    label = review.standing_label(sent_part)
    assert label is not None
    assert (label.verdict, label.source, label.provenance, label.comment) == ("PASS", "import", "overruled", REASON)
    sent_part.refresh_from_db()
    assert (sent_part.human_verdict, targets(product)) == ("PASS", [GOOD])
    run_import(image)
    run_import(image, "--overrule", REASON)
    assert (Inspection.objects.count(), Label.objects.count()) == (1, 2)
    # The person has the last word again.
    review.correct(sent_part, by=ada, verdict="FAIL")
    assert targets(product) == [DEFECT]


def test_it_overrules_what_people_said_of_imported_parts_and_of_each_copy(
    product: Product, image: Path, ada: User
) -> None:
    import_images(product, image.parents[1])
    imported = Inspection.objects.get()
    with image.open("rb") as file:
        copy = intake.receive(Submission(file, product, filename="copy.png"))
    for part in (imported, copy):
        review.correct(part, by=ada, verdict="FAIL")
    assert import_images(product, image.parents[1]).already_imported == 1 and targets(product) == [DEFECT]
    run_import(image, "--overrule", REASON)
    assert {part.human_verdict for part in Inspection.objects.all()} == {"PASS"} and targets(product) == [GOOD]


def test_it_ends_a_dispute_only_where_it_overrules(
    product: Product, image: Path, sent_part: Inspection, ada: User, bob: User
) -> None:
    review.correct(sent_part, by=ada, verdict="FAIL")
    other = review.correct(sent_part, by=bob, verdict="PASS")
    dispute = Recheck.objects.create(inspection=sent_part, reason=Recheck.Reason.DISPUTED, label=other, given="PASS")
    assert refused_codes(import_images(product, image.parents[1])) == {"good/one.png": "labeled_otherwise"}
    assert targets(product) == []
    run_import(image, "--overrule", REASON)
    dispute.refresh_from_db()
    assert (dispute.outcome, targets(product)) == ("withdrawn", [GOOD])


def test_no_folder_overrules_another_one_of_the_same_import(product: Product, image: Path) -> None:
    (image.parents[1] / "scratch").mkdir()
    (image.parents[1] / "scratch" / "same.png").write_bytes(image.read_bytes())
    with pytest.raises(CommandError, match="1 imported, 0 already imported, 1 refused"):
        run_import(image, "--overrule", REASON)
    with pytest.raises(CommandError, match="0 imported, 1 already imported, 1 refused"):
        run_import(image, "--overrule", REASON)
    assert targets(product) == [GOOD]


def test_a_later_folder_overrules_an_earlier_one(product: Product, image: Path) -> None:
    import_images(product, image.parents[1])
    image.parent.rename(image.parents[1] / "scratch")
    assert refused_codes(import_images(product, image.parents[1])) == {"scratch/one.png": "labeled_otherwise"}
    run_import(image, "--overrule", REASON)
    assert [(sample.target, sample.defect_type) for sample in datasets.samples(product)] == [(DEFECT, "scratch")]


def test_a_person_counts_whatever_an_import_wrote_later(product: Product, image: Path, sent_part: Inspection) -> None:
    """As the program before did, and as two transactions at once still can for bytes that nobody had labeled."""
    import_images(product, image.parents[1])
    review.correct(sent_part, by=make_person("eve"), verdict="FAIL")
    imported = Inspection.objects.get(source="import")
    Label.objects.create(inspection=imported, verdict="PASS", source="import", provenance="imported")
    assert targets(product) == [DEFECT]


@pytest.mark.parametrize("reason", ["", "  "])
def test_it_refuses_to_overrule_without_a_reason(product: Product, image: Path, reason: str) -> None:
    with pytest.raises(CommandError, match="Give a reason after --overrule"):
        run_import(image, "--overrule", reason)
