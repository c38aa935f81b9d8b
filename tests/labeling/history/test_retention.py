"""What retention removes, and every kind of part that it keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from inspection.models import Embedding, Fingerprint, Inspection, Product, RemovedParts, ScoreMaps
from inspection.products.stations import create_station
from labeling.history import retention
from labeling.models import Claim, DefectExample, DefectType, Label, LabelUndo, Skip
from labeling.queue import queue
from labeling.review import review, skips
from mltasks.models import BackboneRun, DatasetSnapshot, SnapshotItem
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.old_parts import AGE, old_part, prune_all, stored_files
from webapp.benchmarks.queue import plans

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]
# Two processes must collect the same tests: no moment of its own.
LONG_AGO = datetime(2026, 5, 1, tzinfo=UTC)
Touch = Callable[[Inspection, User], Any]


def correct(part: Inspection, by: User, verdict: str = "FAIL") -> Label:
    return review.correct(part, by=by, verdict=verdict)


def undo_label(part: Inspection, by: User) -> None:
    review.undo(correct(part, by), by=by)


def make_snapshot(part: Inspection, by: User) -> None:
    frozen = DatasetSnapshot.objects.create(
        model=part.product.registered_model, number=1, sha256="0" * 64, good=1, defective=0
    )
    SnapshotItem.objects.create(
        snapshot=frozen, image_name=part.image_name, image_sha256=part.image_sha256, target=0, split="train"
    )


def dispute_label(part: Inspection, by: User) -> None:
    correct(part, by, "PASS")
    correct(part, make_person("zoe"), "FAIL")


def make_example(part: Inspection, by: User) -> None:
    kind = DefectType.objects.create(product=part.product, name="scratch")
    DefectExample.objects.create(defect_type=kind, inspection=part, added_by=by)


def make_claim(part: Inspection, by: User) -> Claim:
    now = timezone.now()
    return Claim.objects.create(inspection=part, reviewer=by, created_at=now, expires_at=now)


def make_skip(part: Inspection, by: User) -> None:
    claim = make_claim(part, by)
    Claim.objects.filter(pk=claim.pk).close()
    Skip.objects.create(claim=claim, inspection=part, reviewer=by, reason=Skip.Reason.OTHER)


def make_near_duplicate(part: Inspection, by: User) -> None:
    make_part(part.product, duplicate_of=part)


def make_pretraining_run(part: Inspection, by: User) -> None:
    BackboneRun.objects.create(model=part.product.registered_model, pictures=[[part.image_name, part.image_sha256, ""]])


@pytest.mark.parametrize(
    "touch",
    [
        correct,
        undo_label,
        make_snapshot,
        dispute_label,
        make_example,
        make_claim,
        make_skip,
        make_near_duplicate,
        make_pretraining_run,
    ],
    ids=lambda touch: touch.__name__,
)
def test_it_keeps_what_anybody_or_anything_touched(product: Product, ada: User, touch: Touch) -> None:
    kept, gone = old_part(product), old_part(product)
    touch(kept, ada)
    batch = prune_all(product)[0]
    assert (batch.parts_examined, batch.parts_removed) == (2, 1)
    assert Inspection.objects.filter(pk=kept.pk).exists()
    assert not Inspection.objects.filter(pk=gone.pk).exists()
    assert len(stored_files(kept.image_sha256)) == 2
    assert stored_files(gone.image_sha256) == []
    assert ScoreMaps.objects.filter(inspection=kept).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "FAIL"},
        {"verdict": "REVIEW"},
        {"verdict": "REVIEW", "resolved_at": LONG_AGO},
        {"verdict": "REVIEW", "reasons": ["audit_sample"]},
        {"reasons": ["audit_sample"]},
        {"verdict": None, "state": "imported", "source": "import"},
        {"verdict": None, "state": "pending"},
        {"source": "import"},
        {"scoring_deferred": True},
        {"age": timedelta(days=89)},
    ],
    ids=str,
)
def test_it_keeps_all_but_old_parts_that_passed(product: Product, fields: dict[str, Any]) -> None:
    part = old_part(product, **fields)
    assert sum(batch.parts_removed for batch in prune_all(product)) == 0
    assert Inspection.objects.filter(pk=part.pk).exists()
    assert len(stored_files(part.image_sha256)) == 2


def test_it_keeps_what_went_through_the_queue(product: Product, ada: User) -> None:
    reviewed, left = old_part(product, verdict="REVIEW"), old_part(product, verdict="REVIEW")
    for _ in range(2):
        claim = queue.claim(reviewer=ada, product=product)
        assert claim is not None
        if claim.inspection_id == reviewed.pk:
            review.resolve(claim, verdict="PASS")
        else:
            skips.skip(claim, reason="other")
    assert sum(batch.parts_removed for batch in prune_all(product)) == 0
    assert Inspection.objects.filter(pk__in=[reviewed.pk, left.pk]).count() == 2


def test_it_keeps_the_last_part_of_each_station(product: Product) -> None:
    station, _key = create_station(product, "line-1")
    parts = [old_part(product, station=station, age=AGE + timedelta(days=days)) for days in range(3)]
    assert sum(batch.parts_removed for batch in prune_all(product)) == 2
    assert list(product.inspections.all()) == parts[:1]


def test_it_removes_all_that_hangs_on_a_part_and_claims_that_ended(product: Product, ada: User) -> None:
    part = old_part(product)
    Claim.objects.filter(pk=make_claim(part, ada).pk).close()
    assert [batch.parts_removed for batch in prune_all(product)] == [1]
    for model in (Inspection, ScoreMaps, Embedding, Fingerprint, Claim):
        assert not model._default_manager.exists(), model
    removed = RemovedParts.objects.get()
    assert (removed.product, removed.verdict, removed.number) == (product, "PASS", 1)
    assert removed.day == timezone.localdate(part.received_at)


def test_it_leaves_an_image_that_another_part_names(product: Product) -> None:
    gone, young = old_part(product, content=b"same"), old_part(product, content=b"same", age=timedelta())
    assert prune_all(product)[0].freed.images == 0
    assert list(Inspection.objects.all()) == [young]
    assert len(stored_files(gone.image_sha256)) == 2


def test_it_leaves_an_image_that_a_snapshot_of_another_product_names(product: Product, ada: User) -> None:
    other = make_product("tile")
    twin = old_part(other, content=b"same", verdict="REVIEW")
    make_snapshot(twin, ada)
    assert [batch.parts_removed for batch in prune_all(product)] == []
    assert len(stored_files(twin.image_sha256)) == 2


def test_it_says_what_it_freed(product: Product) -> None:
    old_part(product, content=b"12345")
    freed = prune_all(product)[0].freed
    assert (freed.images, freed.bytes) == (1, 5 + len(b"thumbnail of 12345"))


def test_it_touches_no_other_product(product: Product) -> None:
    other = old_part(make_product("tile"))
    old_part(product)
    assert sum(batch.parts_removed for batch in prune_all(product)) == 1
    assert list(Inspection.objects.all()) == [other]


def test_a_dry_run_counts_the_same_and_changes_nothing(product: Product, ada: User) -> None:
    parts = [old_part(product) for _ in range(5)]
    correct(parts[0], ada)
    dry = prune_all(product, dry_run=True)
    assert [(batch.parts_examined, batch.parts_removed, batch.freed.images, batch.freed.bytes) for batch in dry] == [
        (5, 4, 4, 64)
    ]
    assert Inspection.objects.count() == 5
    assert all(len(stored_files(part.image_sha256)) == 2 for part in parts)
    assert not RemovedParts.objects.exists()
    assert [(batch.parts_examined, batch.parts_removed) for batch in prune_all(product)] == [(5, 4)]


def test_batches_go_by_age_pass_over_what_is_kept_and_can_be_gone_on_with(product: Product, ada: User) -> None:
    moment = timezone.now() - AGE
    parts = [old_part(product) for _ in range(7)]
    # All at one moment: the next batch begins in the middle of it.
    Inspection.objects.update(received_at=moment)
    ordered = sorted(parts, key=lambda part: part.pk)
    for part in ordered[:2]:
        correct(part, ada)
    first = next(iter(retention.prune(retention.RetentionScope(product, timezone.now(), batch_size=3))))
    assert (first.parts_examined, first.parts_removed, first.end_position) == (3, 1, (moment, ordered[2].pk))
    rest = list(retention.prune(retention.RetentionScope(product, timezone.now(), batch_size=3), first.end_position))
    assert [(batch.parts_examined, batch.parts_removed) for batch in rest] == [(3, 3), (1, 1)]
    assert set(Inspection.objects.all()) == set(ordered[:2])
    again = prune_all(product, batch_size=3)
    assert [(batch.parts_examined, batch.parts_removed) for batch in again] == [(2, 0)]


def test_the_database_refuses_to_remove_a_part_that_a_label_names(product: Product, ada: User) -> None:
    part = old_part(product)
    correct(part, ada)
    for model in (ScoreMaps, Embedding, Fingerprint):
        model._default_manager.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM inspection_inspection WHERE id = %s", [part.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert LabelUndo.objects.count() == 0


def test_each_step_has_an_index_of_the_parts_to_go_by(product: Product) -> None:
    for _ in range(3):
        old_part(product)
    make_part(product, duplicate_of=make_part(product))
    with connection.cursor() as cursor:
        # So few are read as a whole by choice; this way only where there is no other.
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert plans.sequential_scans(lambda: prune_all(product, batch_size=2)) == []
    assert plans.sequential_scans(lambda: Inspection.objects.filter(original_filename="").exists()) != []
