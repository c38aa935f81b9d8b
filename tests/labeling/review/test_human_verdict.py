"""The part knows the verdict of the label that counts: kept by the database, whoever writes labels."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.contrib.auth.models import User
from django.db import connection

from inspection.models import Inspection, Product
from labeling.models import Label, LabelUndo
from labeling.review import review
from tests.labeling.conftest import make_part


def human_verdict(part: Inspection) -> str | None:
    return Inspection.objects.get(pk=part.pk).human_verdict


def test_it_follows_labels_corrections_and_undos(part: Inspection, ada: User, bob: User) -> None:
    assert human_verdict(part) is None
    first = review.correct(part, by=ada, verdict="FAIL")
    assert human_verdict(part) == "FAIL"
    second = review.correct(part, by=bob, verdict="PASS")
    assert human_verdict(part) == "PASS"
    review.undo(second, by=bob)
    assert human_verdict(part) == "FAIL"
    review.undo(first, by=ada)
    assert human_verdict(part) is None


def test_labels_written_at_once_count_too(product: Product) -> None:
    parts = [make_part(product) for _ in range(3)]
    Label.objects.bulk_create(Label(inspection=part, verdict="PASS", source="import") for part in parts)
    assert [human_verdict(part) for part in parts] == ["PASS"] * 3


def test_an_older_label_does_not_overrule_a_newer_one(part: Inspection, ada: User) -> None:
    newer = review.correct(part, by=ada, verdict="FAIL")
    Label.objects.create(
        inspection=part, verdict="PASS", source="import", created_at=newer.created_at.replace(year=2020)
    )
    assert human_verdict(part) == "FAIL"


@pytest.mark.parametrize("undone", [False, True])
def test_labels_from_before_are_found(part: Inspection, ada: User, undone: bool) -> None:
    review.correct(part, by=ada, verdict="PASS")
    last = review.correct(part, by=ada, verdict="FAIL")
    if undone:
        LabelUndo.objects.create(label=last, by=ada)
    Inspection.objects.update(human_verdict=None)
    with connection.cursor() as cursor:
        cursor.execute(import_module("labeling.migrations.0004_what_people_say").FILL)
    assert human_verdict(part) == ("PASS" if undone else "FAIL")
