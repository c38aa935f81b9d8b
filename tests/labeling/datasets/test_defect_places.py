"""Marks and masks of labels: which of them a part's sample gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from inspection.models import Inspection, Product
from labeling.datasets import datasets
from labeling.datasets.defect_places import DefectPlace, place_of_part
from labeling.models import DefectType, Label
from labeling.queue import queue
from labeling.refusals import InvalidLabel
from labeling.review import review
from mltasks.models.mask_names import mask_name
from mltasks.vision.types import MARKS_LIMIT, Mark, Sample
from tests.labeling.conftest import make_part

SPOT, SCRATCH = Mark(0.25, 0.5), Mark(0.5, 0.125, 0.25, 0.0625)
MASK = "ab" * 32


def sample_of(part: Inspection) -> Sample:
    (sample,) = (sample for sample in datasets.samples(part.product) if sample.sha256 == part.image_sha256)
    return sample


def import_mask(part: Inspection) -> Label:
    return Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.IMPORT, mask_sha256=MASK)


def test_a_reviewers_marks_are_stored_with_the_label_and_reach_the_sample(part: Inspection, ada: User) -> None:
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    label = review.resolve(claim, verdict="FAIL", marks=[SPOT, SCRATCH])
    label.refresh_from_db()
    assert label.marks == [SPOT.to_json(), SCRATCH.to_json()]
    assert (sample_of(part).marks, sample_of(part).mask) == ((SPOT, SCRATCH), None)


def test_marks_cannot_be_changed_later(part: Inspection, ada: User) -> None:
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        Label.objects.update(marks=None)


def test_a_mask_reaches_the_sample_with_its_path(part: Inspection) -> None:
    import_mask(part)
    sample = sample_of(part)
    assert (sample.marks, sample.mask) == ((), Path(settings.MEDIA_ROOT) / mask_name(MASK))
    assert mask_name(MASK) == f"masks/ab/{MASK}.png"


def test_a_later_fail_without_a_place_keeps_the_earlier_one(part: Inspection, ada: User, bob: User) -> None:
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    review.correct(part, by=bob, verdict="FAIL")
    assert sample_of(part).marks == (SPOT,)


def test_a_newer_place_replaces_an_earlier_one_as_a_whole(part: Inspection, ada: User, bob: User) -> None:
    import_mask(part)
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    assert (sample_of(part).marks, sample_of(part).mask) == ((SPOT,), None)
    review.correct(part, by=bob, verdict="FAIL", marks=[SCRATCH])
    assert sample_of(part).marks == (SCRATCH,)


def test_an_empty_list_of_marks_withdraws_the_place(part: Inspection, ada: User) -> None:
    import_mask(part)
    review.correct(part, by=ada, verdict="FAIL", marks=[])
    assert place_of_part(part) == DefectPlace()
    assert (sample_of(part).marks, sample_of(part).mask) == ((), None)


def test_a_pass_withdraws_the_place_even_if_a_fail_follows(part: Inspection, ada: User, bob: User) -> None:
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    review.correct(part, by=bob, verdict="PASS")
    assert sample_of(part).marks == ()
    review.correct(part, by=bob, verdict="FAIL")
    assert sample_of(part).marks == ()


def test_an_undone_label_states_no_place_and_an_undone_pass_withdraws_none(
    part: Inspection, ada: User, bob: User
) -> None:
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    review.undo(review.correct(part, by=bob, verdict="PASS"), by=bob)
    assert sample_of(part).marks == (SPOT,)
    review.undo(review.correct(part, by=bob, verdict="FAIL", marks=[SCRATCH]), by=bob)
    assert sample_of(part).marks == (SPOT,)


def test_the_same_verdict_with_other_marks_is_a_new_label(part: Inspection, ada: User) -> None:
    first = review.correct(part, by=ada, verdict="FAIL")
    second = review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    assert second != first
    assert review.correct(part, by=ada, verdict="FAIL", marks=[SPOT]) == second
    assert review.correct(part, by=ada, verdict="FAIL") == second


def test_a_new_type_of_the_same_defect_keeps_its_marks(product: Product, part: Inspection, ada: User) -> None:
    DefectType.objects.create(product=product, name="scratch")
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    review.correct(part, by=ada, verdict="FAIL", defect_type="scratch")
    assert (sample_of(part).defect_type, sample_of(part).marks) == ("scratch", (SPOT,))


def test_places_stay_with_their_own_parts(product: Product, part: Inspection, ada: User) -> None:
    other = make_part(product)
    review.correct(part, by=ada, verdict="FAIL", marks=[SPOT])
    review.correct(other, by=ada, verdict="FAIL")
    assert (sample_of(part).marks, sample_of(other).marks) == ((SPOT,), ())


@pytest.mark.parametrize("verdict, marks", [("PASS", [SPOT]), ("FAIL", [SPOT] * (MARKS_LIMIT + 1))])
def test_it_refuses_marks_on_a_good_part_and_too_many(
    part: Inspection, ada: User, verdict: str, marks: list[Mark]
) -> None:
    with pytest.raises(InvalidLabel, match="marks"):
        review.correct(part, by=ada, verdict=verdict, marks=marks)
    assert not Label.objects.exists()


@pytest.mark.parametrize("place", [{"marks": [SPOT.to_json()]}, {"mask_sha256": MASK}])
def test_the_database_refuses_a_place_on_a_good_part(part: Inspection, place: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match="good_part_has_no_place"), transaction.atomic():
        Label.objects.create(inspection=part, verdict="PASS", source=Label.Source.CORRECTION, **place)


@pytest.fixture
def migrate() -> Callable[..., None]:
    def run(*targets: tuple[str, str]) -> None:
        executor = MigrationExecutor(connection)
        executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())

    return run


@pytest.mark.django_db(transaction=True)
def test_the_migrations_can_be_taken_back(migrate: Callable[..., None]) -> None:
    try:
        migrate(("labeling", "0006_reword_field_texts"), ("mltasks", "0009_reword_field_texts"))
        assert not {"marks", "mask_sha256"} & (_columns("labeling_label") | _columns("mltasks_snapshotitem"))
    finally:
        migrate()
    assert {"marks", "mask_sha256"} <= _columns("labeling_label") & _columns("mltasks_snapshotitem")


def _columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, table)}
