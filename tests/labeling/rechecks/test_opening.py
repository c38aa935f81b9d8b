"""Labels that a new version doubts wait for a person again: once each, and no more than its share."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from inspection.models import Product
from labeling import tasks
from labeling.models import Label, Recheck
from labeling.queue import queue_stats
from labeling.rechecks import label_rechecks
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.review import review
from mltasks.models import EvaluationReport, ModelVersion, TrainingRun
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.rechecks.label_issues import claim_next, make_imported_label, make_version_with_label_issues


def test_it_lets_the_doubted_parts_wait_again(product: Product, ada: User) -> None:
    labels = [make_imported_label(product), make_imported_label(product, verdict="PASS")]
    version = make_version_with_label_issues(product, *labels)
    opened = open_rechecks(version)
    assert [(one.label, one.given, one.version, one.probability) for one in opened] == [
        (labels[0], "FAIL", version, 0.04),
        (labels[1], "PASS", version, 0.04),
    ]
    assert [claim_next(ada).inspection, queue_stats.waiting_count(), queue_stats.waiting_count(product)] == [
        labels[0].inspection,
        2,
        2,
    ]


def test_it_opens_nothing_twice(product: Product, ada: User, label_issue_recheck: Recheck) -> None:
    assert open_rechecks(label_issue_recheck.version) == []
    assert open_rechecks(make_version_with_label_issues(product, label_issue_recheck.label)) == []
    review.resolve(claim_next(ada), verdict="FAIL")
    assert open_rechecks(label_issue_recheck.version) == []
    assert Recheck.objects.count() == 1


def test_it_opens_no_more_than_its_share(product: Product) -> None:
    labels = [make_imported_label(product) for _ in range(4)]
    assert len(open_rechecks(make_version_with_label_issues(product, *labels, labels=40))) == 2
    assert len(open_rechecks(make_version_with_label_issues(product, *labels, labels=40))) == 0, (
        "Two of the product wait already."
    )
    other = make_product("tile")
    assert len(open_rechecks(make_version_with_label_issues(other, make_imported_label(other), labels=8))) == 1


def test_of_the_same_bytes_the_newest_label_is_doubted(product: Product) -> None:
    older = make_imported_label(product, image_sha256="a" * 64)
    part = make_part(product, image_sha256="a" * 64)
    newer = Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.IMPORT)
    (doubt,) = open_rechecks(make_version_with_label_issues(product, older))
    assert doubt.label == newer


def test_it_passes_over_labels_that_changed_since(product: Product, ada: User) -> None:
    label, gone = make_imported_label(product), make_imported_label(product)
    version = make_version_with_label_issues(product, label, gone)
    review.correct(label.inspection, by=ada, verdict="PASS")
    review.undo(gone, by=make_person("mia", "quality manager"))
    assert open_rechecks(version) == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"given": "PASS", "outcome": "confirmed"},
        {"given": "REVIEW", "outcome": "withdrawn", "closed_at": Now()},
        {"given": "PASS", "outcome": "changed", "closed_at": Now()},
    ],
)
def test_the_database_refuses_what_makes_no_sense(label_issue_recheck: Recheck, fields: dict[str, Any]) -> None:
    row = {
        "inspection": label_issue_recheck.inspection,
        "label": label_issue_recheck.label,
        "version": label_issue_recheck.version,
        "probability": 0.1,
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Recheck.objects.create(**row, **{"given": "FAIL", **fields})


def test_the_sweeping_task_opens_what_the_newest_version_doubts(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    labels = [make_imported_label(product), make_imported_label(product)]
    make_version_with_label_issues(product, labels[0])
    newest = make_version_with_label_issues(product, labels[1])
    with caplog.at_level(logging.INFO, logger="labeling.tasks"):
        tasks.sweep_runs()
        tasks.sweep_runs()
    assert [doubt.version for doubt in Recheck.objects.all()] == [newest]
    assert caplog.text.count("Opened rechecks of 1 label issues") == 1


def test_one_models_trouble_costs_no_other_its_look(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    broken = make_version_with_label_issues(make_product("a-broken-one"))
    report = {"suspects": [{"name": "no hash"}]}
    version = ModelVersion.objects.create(
        model=broken.model, number=2, run=_make_run(broken), bundle="x", sha256="0" * 64
    )
    EvaluationReport.objects.create(version=version, protocol="", evaluation=report)
    make_version_with_label_issues(product, make_imported_label(product))
    assert len(label_rechecks.open_label_rechecks()) == 1
    assert "label issues of a-broken-one version 2" in caplog.text


def _make_run(version: ModelVersion) -> TrainingRun:
    return TrainingRun.objects.create(model=version.model, snapshot=version.run.snapshot)


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_open_each_doubt_once() -> None:
    product = make_product()
    version = make_version_with_label_issues(product, *[make_imported_label(product) for _ in range(5)])
    opened = run_concurrently([partial(open_rechecks, version) for _ in range(4)])
    assert sorted(len(rows) for rows in opened) == [0, 0, 0, 5]
