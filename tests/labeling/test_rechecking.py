"""Labels that a new version doubts are judged again, blind: once, by whoever comes, and never for ever."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client

from inspection.models import Inspection, Product, Verdict
from labeling import backlog, queue, rechecking, review, tasks
from labeling.models import Claim, Label, Recheck
from labeling.rechecking import open_rechecks
from labeling.refusals import ClaimLost, NotStanding
from labeling.timeline import timeline
from mltasks.models import DatasetSnapshot, EvaluationReport, ModelVersion, TrainingRun
from tests.labeling.conftest import make_part, make_person, make_product
from tests.labeling.threads import at_once

Outcome = Recheck.Outcome


@pytest.fixture(autouse=True)
def waiting_parts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_in_doubt_first", lambda: False)


def labeled(product: Product, by: User | None = None, verdict: str = "FAIL", **fields: Any) -> Label:
    """An imported part with its label."""
    part = make_part(product, state="imported", source="import", verdict=None, **fields)
    return Label.objects.create(inspection=part, verdict=verdict, source=Label.Source.IMPORT, reviewer=by)


def make_version(product: Product, *doubted: Label, labels: int = 1000) -> ModelVersion:
    """A version whose report doubts these labels, the most doubtful first."""
    model = product.registered_model
    number = model.versions.count() + 1
    snapshot = DatasetSnapshot.objects.create(model=model, number=number, sha256="0" * 64, good=labels, defective=0)
    run = TrainingRun.objects.create(model=model, snapshot=snapshot, state=TrainingRun.State.SUCCEEDED)
    version = ModelVersion.objects.create(model=model, number=number, run=run, bundle=f"{run.pk}", sha256="0" * 64)
    suspects = [
        {"sha256": one.inspection.image_sha256, "name": "x.jpg", "target": one.target, "probability": 0.04}
        for one in doubted
    ]
    EvaluationReport.objects.create(version=version, protocol="", evaluation={"metrics": {}, "suspects": suspects})
    return version


def claimed(reviewer: User) -> Claim:
    found = queue.claim(reviewer=reviewer)
    assert found is not None
    return found


@pytest.fixture
def doubt(product: Product) -> Recheck:
    """An open recheck of an imported FAIL."""
    (made,) = open_rechecks(make_version(product, labeled(product)))
    return made


def test_it_lets_the_doubted_parts_wait_again(product: Product, ada: User) -> None:
    labels = [labeled(product), labeled(product, verdict="PASS")]
    version = make_version(product, *labels)
    opened = open_rechecks(version)
    assert [(one.label, one.given, one.version, one.probability) for one in opened] == [
        (labels[0], "FAIL", version, 0.04),
        (labels[1], "PASS", version, 0.04),
    ]
    assert [claimed(ada).inspection, backlog.waiting(), backlog.waiting(product)] == [labels[0].inspection, 2, 2]


def test_it_opens_nothing_twice(product: Product, ada: User, doubt: Recheck) -> None:
    assert open_rechecks(doubt.version) == []
    assert open_rechecks(make_version(product, doubt.label)) == []
    review.resolve(claimed(ada), verdict="FAIL")
    assert open_rechecks(doubt.version) == []
    assert Recheck.objects.count() == 1


def test_a_confirmed_label_is_never_doubted_again(product: Product, ada: User, bob: User, doubt: Recheck) -> None:
    label = review.resolve(claimed(bob), verdict="FAIL")
    doubt.refresh_from_db()
    assert (doubt.outcome, doubt.answer, doubt.closed_at is not None) == (Outcome.CONFIRMED, label, True)
    assert review.standing_label(doubt.inspection) == label
    assert open_rechecks(make_version(product, label)) == []
    assert queue.claim(reviewer=ada) is None


def test_a_changed_label_teaches_what_the_person_said(product: Product, ada: User, doubt: Recheck) -> None:
    label = review.resolve(claimed(ada), verdict="PASS")
    doubt.refresh_from_db()
    assert (doubt.outcome, doubt.answer) == (Outcome.CHANGED, label)
    assert review.standing_label(doubt.inspection) == label
    # The new word is another label: a version may doubt it once too.
    (again,) = open_rechecks(make_version(product, label))
    assert (again.given, again.label) == ("PASS", label)


def test_a_correction_answers_it_too_and_takes_the_part_from_its_holder(ada: User, bob: User, doubt: Recheck) -> None:
    claim = claimed(ada)
    review.correct(doubt.inspection, by=bob, verdict="PASS")
    doubt.refresh_from_db()
    assert doubt.outcome == Outcome.CHANGED
    with pytest.raises(ClaimLost):
        review.resolve(claim, verdict="FAIL")


def test_its_author_may_confirm_it_by_saying_it_again(product: Product, ada: User) -> None:
    first = review.correct(make_part(product), by=ada, verdict="FAIL")
    (doubt,) = open_rechecks(make_version(product, first))
    second = review.correct(first.inspection, by=ada, verdict="FAIL")
    assert second != first
    assert review.correct(first.inspection, by=ada, verdict="FAIL") == second
    doubt.refresh_from_db()
    assert (doubt.outcome, doubt.answer) == (Outcome.CONFIRMED, second)


def test_taking_the_answer_back_opens_it_again(ada: User, doubt: Recheck) -> None:
    label = review.resolve(claimed(ada), verdict="PASS")
    review.undo(label, by=ada)
    doubt.refresh_from_db()
    assert (doubt.outcome, doubt.answer, doubt.closed_at) == ("", None, None)
    assert review.standing_label(doubt.inspection) == doubt.label
    claim = queue.claim_part(doubt.inspection, reviewer=ada)
    assert review.resolve(claim, verdict="FAIL").verdict == "FAIL"


def test_a_doubted_label_that_is_taken_back_needs_no_second_look(product: Product, ada: User) -> None:
    label = review.correct(make_part(product), by=ada, verdict="FAIL")
    (doubt,) = open_rechecks(make_version(product, label))
    review.undo(label, by=ada)
    doubt.refresh_from_db()
    assert (doubt.outcome, Recheck.objects.open().count(), backlog.waiting()) == (Outcome.WITHDRAWN, 0, 1)


def test_an_undone_answer_that_was_doubted_itself_leaves_one_open(product: Product, ada: User, doubt: Recheck) -> None:
    label = review.resolve(claimed(ada), verdict="PASS")
    (second,) = open_rechecks(make_version(product, label))
    with pytest.raises(NotStanding):
        review.undo(doubt.label, by=make_person("mia", "quality manager"))
    review.undo(label, by=ada)
    second.refresh_from_db()
    assert second.outcome == Outcome.WITHDRAWN
    assert list(Recheck.objects.open()) == [doubt]


def test_waiting_parts_come_first_and_ones_own_labels_last(product: Product, ada: User) -> None:
    own, others = labeled(product, by=ada), labeled(product)
    open_rechecks(make_version(product, own, others))
    waiting = make_part(product)
    seen = [review.resolve(claimed(ada), verdict="FAIL").inspection for _ in range(3)]
    assert seen == [waiting, others.inspection, own.inspection]


def test_a_busy_line_does_not_keep_people_from_them(
    product: Product, ada: User, doubt: Recheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_part(product)
    monkeypatch.setattr(queue, "_in_doubt_first", lambda: True)
    assert claimed(ada).inspection == doubt.inspection


def test_it_keeps_to_the_product_asked_for(ada: User, doubt: Recheck) -> None:
    assert queue.claim(reviewer=ada, product=make_product("tile")) is None
    found = queue.claim(reviewer=ada, product=doubt.inspection.product)
    assert found is not None
    assert found.inspection == doubt.inspection


def test_it_opens_no_more_than_its_share(product: Product) -> None:
    labels = [labeled(product) for _ in range(4)]
    assert len(open_rechecks(make_version(product, *labels, labels=40))) == 2
    assert len(open_rechecks(make_version(product, *labels, labels=40))) == 0, "Two of the product wait already."
    other = make_product("tile")
    assert len(open_rechecks(make_version(other, labeled(other), labels=8))) == 1


def test_of_the_same_bytes_the_newest_label_is_doubted(product: Product) -> None:
    older = labeled(product, image_sha256="a" * 64)
    part = make_part(product, image_sha256="a" * 64)
    newer = Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.IMPORT)
    (doubt,) = open_rechecks(make_version(product, older))
    assert doubt.label == newer


def test_it_passes_over_labels_that_changed_since(product: Product, ada: User) -> None:
    label, gone = labeled(product), labeled(product)
    version = make_version(product, label, gone)
    review.correct(label.inspection, by=ada, verdict="PASS")
    review.undo(gone, by=make_person("mia", "quality manager"))
    assert open_rechecks(version) == []


def test_it_refuses_a_claim_from_before_the_doubt(product: Product, ada: User, bob: User) -> None:
    part = make_part(product)
    stale = claimed(ada)
    Claim.objects.filter(pk=stale.pk).update(expires_at=Now() - timedelta(seconds=1))
    label = review.resolve(claimed(bob), verdict="FAIL")
    open_rechecks(make_version(product, label))
    with pytest.raises(ClaimLost, match="settled"):
        review.resolve(stale, verdict="PASS")
    assert review.standing_label(part) == label


def test_it_refuses_a_second_answer(ada: User, bob: User, doubt: Recheck) -> None:
    stale = claimed(ada)
    Claim.objects.filter(pk=stale.pk).update(expires_at=Now() - timedelta(seconds=1))
    review.resolve(claimed(bob), verdict="FAIL")
    # An imported part is settled by its first answer.
    with pytest.raises(ClaimLost):
        review.resolve(stale, verdict="PASS")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"given": "PASS", "outcome": "confirmed"},
        {"given": "REVIEW", "outcome": "withdrawn", "closed_at": Now()},
        {"given": "PASS", "outcome": "changed", "closed_at": Now()},
    ],
)
def test_the_database_refuses_what_makes_no_sense(doubt: Recheck, fields: dict[str, Any]) -> None:
    row = {"inspection": doubt.inspection, "label": doubt.label, "version": doubt.version, "probability": 0.1}
    with pytest.raises(IntegrityError), transaction.atomic():
        Recheck.objects.create(**row, **{"given": "FAIL", **fields})


def test_the_sweeping_task_opens_what_the_newest_version_doubts(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    labels = [labeled(product), labeled(product)]
    make_version(product, labels[0])
    newest = make_version(product, labels[1])
    with caplog.at_level(logging.INFO, logger="labeling.tasks"):
        tasks.sweep_runs()
        tasks.sweep_runs()
    assert [doubt.version for doubt in Recheck.objects.all()] == [newest]
    assert caplog.text.count("Offered 1 labels again") == 1


def test_one_models_trouble_costs_no_other_its_look(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    broken = make_version(make_product("a-broken-one"))
    report = {"suspects": [{"name": "no hash"}]}
    version = ModelVersion.objects.create(model=broken.model, number=2, run=_run(broken), bundle="x", sha256="0" * 64)
    EvaluationReport.objects.create(version=version, protocol="", evaluation=report)
    make_version(product, labeled(product))
    assert len(rechecking.sweep()) == 1
    assert "a-broken-one version 2" in caplog.text


def _run(version: ModelVersion) -> TrainingRun:
    return TrainingRun.objects.create(model=version.model, snapshot=version.run.snapshot)


def test_the_page_says_that_a_label_is_in_doubt_and_not_which_way(client: Client, ada: User, product: Product) -> None:
    scores = {"label": "PASS", "defect_probability": 0.0432, "anomaly_threshold": 1.0, "reconstruction_error": 0.5}
    part = make_part(product, settled_at=Now(), reasons=["low_confidence"], **scores)
    label = Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.CORRECTION)
    open_rechecks(make_version(product, label))
    client.force_login(ada)
    page = client.post("/review/next/", {"product": product.slug}).content.decode()
    plain = client.get("/review/plain/").content.decode()
    for shown in (page, plain):
        assert "Judge again: a label is in doubt" in shown
        assert not any(words in shown for words in ("4.3", "own label", "unsure", "disagrees"))
    assert 'data-label="" data-again' in page
    state = client.post("/review/held/", {"product": product.slug}).json()
    assert state["left"] == 1


def test_the_parts_life_tells_afterwards(ada: User, doubt: Recheck) -> None:
    review.resolve(claimed(ada), verdict="PASS")
    words = [f"{event.words}; {event.detail}" for event in timeline(doubt.inspection)]
    assert any("The model disagrees with this label: FAIL; version 1 gives a defect 4%" in line for line in words)
    assert any("Judged again: changed" in line for line in words)


def test_the_admin_shows_what_is_in_doubt(client: Client, doubt: Recheck) -> None:
    client.force_login(User.objects.create_superuser("root"))
    page = client.get("/admin/labeling/recheck/").content.decode()
    assert "waits for a person" in page
    assert "4.0%" in page
    assert "counts, in doubt" in client.get("/admin/labeling/label/").content.decode()
    assert client.get(f"/admin/labeling/recheck/{doubt.pk}/change/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_open_each_doubt_once() -> None:
    product = make_product()
    version = make_version(product, *[labeled(product) for _ in range(5)])
    opened = at_once([partial(open_rechecks, version) for _ in range(4)])
    assert sorted(len(rows) for rows in opened) == [0, 0, 0, 5]


@pytest.mark.django_db(transaction=True)
def test_reviewers_at_once_judge_each_doubt_once() -> None:
    product = make_product()
    open_rechecks(make_version(product, *[labeled(product) for _ in range(20)]))

    def work(person: User) -> list[Inspection]:
        seen = []
        while (claim := queue.claim(reviewer=person)) is not None:
            seen.append(review.resolve(claim, verdict="PASS").inspection)
        return seen

    steps: list[Callable[[], list[Inspection]]] = [partial(work, make_person(f"person-{n}")) for n in range(6)]
    seen = [part.pk for parts in at_once(steps) for part in parts]
    assert len(seen) == len(set(seen)) == 20
    assert Recheck.objects.filter(outcome=Outcome.CHANGED).count() == 20
    assert set(Label.objects.standing().values_list("verdict", flat=True)) == {Verdict.PASS.value}
