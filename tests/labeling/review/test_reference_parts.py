"""The most similar labeled parts with what people say of them now, and no word about a part that is judged blind."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from inspection.models import Embedding, Inspection, Product
from labeling.models import DefectType, Label, Recheck
from labeling.queue import queue
from labeling.review import reference_parts, review
from labeling.review.reference_parts import ComparisonStatus, most_similar
from mltasks.models import ModelVersion, TrainingRun
from tests.inspection.embeddings import make_parts_with_embeddings, unit_vector

ReferenceRow = tuple[str, str, float]


@pytest.fixture
def part(product: Product) -> Inspection:
    return make_part_at(product, 0.0)


def make_part_at(product: Product, angle: float) -> Inspection:
    return make_parts_with_embeddings(product, np.stack([unit_vector(angle)]))[0].inspection


def target_of(part: Inspection) -> int | None:
    return Embedding.objects.get(pk=part.pk).target


def reference_rows(part: Inspection) -> list[list[ReferenceRow]]:
    found = most_similar(part)
    assert found.status == ComparisonStatus.YES
    return [
        [(one.label.verdict, str(one.defect_type or ""), round(one.similarity, 2)) for one in row]
        for row in (found.good, found.defective)
    ]


def make_champion(product: Product, **meta: Any) -> ModelVersion:
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state="succeeded")
    return ModelVersion.objects.create(model=model, number=1, run=run, state="champion", sha256="0" * 64, meta=meta)


def test_each_row_has_the_most_alike_with_their_labels(product: Product, part: Inspection, ada: User) -> None:
    DefectType.objects.create(product=product, name="scratch")
    for angle, words in ((0.2, "PASS"), (0.4, "FAIL"), (0.6, "PASS"), (0.8, "PASS"), (1.0, "PASS")):
        kind = "scratch" if words == "FAIL" else None
        review.correct(make_part_at(product, angle), by=ada, verdict=words, defect_type=kind)
    assert reference_rows(part) == [
        [("PASS", "", 0.98), ("PASS", "", 0.83), ("PASS", "", 0.7)],
        [("FAIL", "scratch", 0.92)],
    ]


def test_a_verdict_a_correction_and_an_undo_are_seen_at_once(product: Product, part: Inspection, ada: User) -> None:
    claim = queue.claim_part(part, reviewer=ada)
    first = review.resolve(claim, verdict="PASS")
    assert target_of(part) == 0
    second = review.correct(part, by=ada, verdict="FAIL")
    assert target_of(part) == 1
    review.undo(second, by=ada)
    assert target_of(part) == 0
    review.undo(first, by=ada)
    assert target_of(part) is None


def test_a_type_that_was_merged_goes_by_its_new_name(product: Product, part: Inspection, ada: User) -> None:
    old = DefectType.objects.create(product=product, name="scrape")
    review.correct(make_part_at(product, 0.1), by=ada, verdict="FAIL", defect_type="scrape")
    new = DefectType.objects.create(product=product, name="scratch")
    DefectType.objects.filter(pk=old.pk).update(merged_into=new, merged_at=Label.objects.get().created_at)
    assert reference_rows(part)[1][0][1] == "scratch"


def test_a_blind_look_meets_no_other_image_of_the_part(product: Product, part: Inspection, ada: User) -> None:
    same, alike = make_part_at(product, 0.01), make_part_at(product, 0.1)
    for one in (part, same, alike):
        review.correct(one, by=ada, verdict="PASS")
    Inspection.objects.filter(pk=same.pk).update(image_sha256=part.image_sha256)
    assert len(reference_rows(part)[0]) == 2
    label = Label.objects.get(inspection=part)
    Recheck.objects.create(inspection=part, label=label, given="PASS", reason=Recheck.Reason.SECOND)
    assert [one.part for one in most_similar(part).good] == [alike]


@pytest.mark.parametrize(
    ("meta", "compared"),
    [({}, ComparisonStatus.OLD_VERSION), ({"embedding": {"space": "here"}}, ComparisonStatus.NOT_YET)],
)
def test_a_part_without_a_point_says_why(product: Product, meta: dict[str, Any], compared: ComparisonStatus) -> None:
    part = make_part_at(product, 0)
    Embedding.objects.all().delete()
    assert most_similar(part).status == ComparisonStatus.NO_VERSION
    make_champion(product, **meta)
    assert most_similar(part).status == compared


def test_an_image_that_can_not_be_read_is_like_nothing(product: Product, part: Inspection) -> None:
    Embedding.objects.update(vector=np.zeros(256))
    assert most_similar(part).status == ComparisonStatus.UNREADABLE


def test_the_fragment_tells_word_type_and_likeness(
    product: Product, part: Inspection, ada: User, client: Client
) -> None:
    DefectType.objects.create(product=product, name="scratch")
    near = make_part_at(product, 0.4)
    review.correct(near, by=ada, verdict="FAIL", defect_type="scratch")
    client.force_login(ada)
    answer = client.get(f"/review/references/{part.pk}/")
    html = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    for words in ("Most similar, good", "No labeled part yet.", "FAIL", "scratch", "92\N{NO-BREAK SPACE}% similar"):
        assert words in html, words
    assert f'href="/inspections/{near.pk}/" target="_blank"' in html
    assert f"/{near.pk}/thumbnail/" in html
    assert str(part.pk) not in html


def test_it_refuses_strangers_viewers_and_parts_that_are_not_there(part: Inspection, ada: User, client: Client) -> None:
    path = f"/review/references/{part.pk}/"
    assert client.get(path).status_code == 302
    client.force_login(User.objects.create_user("viewer"))
    assert client.get(path).status_code == 403
    client.force_login(ada)
    assert client.get(f"/review/references/{uuid4()}/").status_code == 404
    assert client.post(path).status_code == 405


def test_it_marks_nothing_twice(part: Inspection, ada: User) -> None:
    review.correct(part, by=ada, verdict="PASS")
    before = row_version(part)
    reference_parts.update_embedding_target(part)
    assert row_version(part) == before, "An index is not written for nothing."


def row_version(part: Inspection) -> str:
    return Embedding.objects.extra(select={"version": "xmin::text"}).get(pk=part.pk).version  # type: ignore[no-any-return]
