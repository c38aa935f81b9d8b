"""The page of versions beside each other: what it says to numbers that are none, who may see it, and what it weighs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inspection.models import Product
from labeling.queue import queue
from mltasks.models import EvaluationReport, ModelVersion, Promotion, TrainingRun
from mltasks.vision.export.learn import LearnedVersion
from tests.disagreeing_versions import make_disagreeing_version, make_estimate
from tests.labeling.conftest import make_part
from tests.tiny_model import MakeVersion

COMPARE = "/models/plate/compare/"


@pytest.fixture
def ada_client(client: Client, ada: User) -> Client:
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    return client


def add_nightly_versions(base_version: ModelVersion, number: int) -> None:
    """So many more versions, one a night, some promoted: rows alone, which is all that lists read."""
    begin, model, snapshot = datetime(2025, 3, 1, 2, tzinfo=UTC), base_version.model, base_version.run.snapshot
    runs = TrainingRun.objects.bulk_create([TrainingRun(model=model, snapshot=snapshot) for _ in range(number)])
    versions = ModelVersion.objects.bulk_create(
        [
            ModelVersion(model=model, number=base_version.number + night, run=run, bundle="none", state="retired")
            for night, run in enumerate(runs, 1)
        ]
    )
    for night, version in enumerate(versions):
        ModelVersion.objects.filter(pk=version.pk).update(created_at=begin + timedelta(days=night))
    EvaluationReport.objects.bulk_create(
        [
            EvaluationReport(
                version=version, protocol="", evaluation={"metrics": {"recall": make_estimate(0.6 + at / 1000)}}
            )
            for at, version in enumerate(versions)
        ]
    )
    Promotion.objects.bulk_create(
        [Promotion(model=model, version=version, reason="Better.") for version in versions[::20]]
    )


@pytest.mark.parametrize("number", [1, 2, 200])
def test_versions_over_time_weigh_little_however_many_there_are(
    ada_client: Client, product: Product, make_version: MakeVersion, number: int
) -> None:
    first = make_version(product)
    if number > 1:
        add_nightly_versions(first, number - 1)
    page = ada_client.get("/models/").content.decode()
    if number == 1:
        assert "One version so far." in page
        assert "Compare selected" not in page
        return
    chart = page[page.index('<figure class="over-time') : page.index("</figure>")]
    assert len(chart) < 20_000
    promoted = Promotion.objects.count()
    # A dot, with a hole where it never was champion; the first one's average precision is the only one known.
    assert chart.count("h0") == promoted + 2 * (number - promoted) + 2
    assert "Version 2, 1 Mar 2025" in chart or number == 200
    assert page.count('form="compare" name="v"') == number


def test_numbers_of_no_version_are_answered_in_words(
    ada_client: Client, product: Product, make_version: MakeVersion
) -> None:
    add_nightly_versions(make_version(product), 7)
    answers = {
        "": (200, "Choose 2 to 6 versions"),
        "?v=1": (200, "Choose at least two versions."),
        "?v=1&v=1&v=99&v=-3": (200, "2 numbers in the address are not versions"),
        "?v=1&v=2&v='<script>": (200, "1 number in the address is not a version"),
        "?v=1&v=" + "9" * 40: (200, "Choose at least two versions."),
        "?v=1&v=2&choose=1": (200, "Choose 2 to 6 versions"),
        "?v=1&v=2&start=99999999999999999": (200, "Parts on which the versions disagree"),
        "?v=1&v=2&start=-1": (200, "its directory is not on this machine"),
        "?v=" + "&v=".join(map(str, range(1, 8))): (400, "Choose at most 6"),
    }
    for query, (status, words) in answers.items():
        response = ada_client.get(COMPARE + query)
        assert (response.status_code, words in response.content.decode()) == (status, True), query


def test_strangers_and_people_without_the_permission_do_not_pass(client: Client, product: Product, ada: User) -> None:
    assert client.get(COMPARE).status_code == 302
    client.force_login(User.objects.create_user("carl"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(COMPARE).status_code == 403
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/models/nothing/compare/").status_code == 404
    assert client.post(COMPARE).status_code == 405


def test_six_versions_stay_within_the_budget_and_hide_what_the_reader_is_judging(
    ada_client: Client, ada: User, product: Product, learned: LearnedVersion
) -> None:
    rows = learned.report["predictions"]
    for _ in range(3):
        make_disagreeing_version(product.registered_model, learned, {})
        make_disagreeing_version(product.registered_model, learned, {row["name"]: 0.99 - row["target"] for row in rows})
    for row in rows:
        make_part(product, image_sha256=row["sha256"], original_filename=row["name"])
    query = f"{COMPARE}?" + "&".join(f"v={number}" for number in range(1, 7))
    page = ada_client.get(query).content
    assert len(page) < 60_000
    assert page.count(b"/thumbnail/") == 6
    assert b"1 to 6 of 16" in page
    assert b"shown after your verdict" not in page
    second = ada_client.get(f"{query}&start=12").content
    assert (second.count(b"/thumbnail/"), b"13 to 16 of 16" in second) == (4, True)
    shown = next(row for row in rows if f'title="{row["name"]}"'.encode() in page)
    queue.claim_part(product.inspections.get(original_filename=shown["name"]), reviewer=ada)
    assert ada_client.get(query).content.count(b"shown after your verdict") == 1
