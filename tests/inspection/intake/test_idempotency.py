"""The same request twice is one inspection, whatever happens between."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from django.db import connection

from inspection.intake import intake
from inspection.intake.image_import import import_image
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product
from inspection.products.stations import create_station
from inspection.scoring import scoring
from tests.inspection.conftest import Receive, Sender, error_of
from tests.inspection.sample_images import jpeg

KEY = {"Idempotency-Key": "shot-17"}


def test_the_same_key_and_body_get_the_first_answer_again(sender: Sender) -> None:
    fields = {"part_id": "7", "metadata": '{"a": 1, "b": 2}', "captured_at": "2026-01-01T00:00:00Z"}
    first = sender.send(headers=KEY, **fields)
    # The same said in other words: order of names, another time zone.
    fields |= {"metadata": '{"b": 2, "a": 1}', "captured_at": "2026-01-01T01:00:00+01:00"}
    second = sender.send(headers=KEY, **fields)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert Inspection.objects.count() == 1
    assert "Idempotency-Replayed" not in first.headers and second["Idempotency-Replayed"] == "true"


def test_a_repeat_by_the_seed_endpoint_says_so(sender: Sender) -> None:
    first, second = (sender.send(path="/predict", headers=KEY) for _ in range(2))
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers and second["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    "other",
    [{"content": jpeg(2)}, {"part_id": "8"}, {"metadata": '{"a": 2}'}, {"captured_at": "2026-01-01T00:00:01Z"}],
)
def test_it_refuses_the_same_key_with_another_body(other: dict[str, Any], sender: Sender) -> None:
    sender.send(headers=KEY, part_id="7")
    assert error_of(sender.send(headers=KEY, **{"part_id": "7"} | other)) == (422, "idempotency_mismatch")
    assert Inspection.objects.count() == 1


def test_without_a_key_each_post_is_its_own(sender: Sender) -> None:
    assert sender.send().json()["id"] != sender.send().json()["id"]


def test_keys_belong_to_their_station(sender: Sender, product: Product) -> None:
    other = Sender(*create_station(product, "line-2"))
    assert sender.send(headers=KEY).json()["id"] != other.send(headers=KEY).json()["id"]


def test_it_answers_in_progress_while_the_first_is_scored(
    sender: Sender, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, inner = scoring._compute_outcome, []

    def ask_meanwhile(*arguments: Any) -> scoring.ScoringOutcome:
        inner.append(sender.send(headers=KEY))
        return outcome(*arguments)

    monkeypatch.setattr(scoring, "_compute_outcome", ask_meanwhile)
    assert sender.send(headers=KEY).status_code == 201
    [waiting] = inner
    assert error_of(waiting) == (409, "in_progress")
    assert int(waiting["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_makes_the_row(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=20)
    insert = intake.insert_part

    def insert_together(*arguments: Any, **fields: Any) -> Inspection:
        together.wait()  # both have looked, and found no earlier row
        return insert(*arguments, **fields)

    monkeypatch.setattr(intake, "insert_part", insert_together)
    ends: list[str] = []

    def send() -> None:
        try:
            station = sender.station
            submission = Submission(io.BytesIO(jpeg()), station.product, station, idempotency_key="shot-17")
            made = intake.receive(submission)
            ends.append(str(made.pk))
        except intake.InProgress:
            ends.append("in progress")
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = Inspection.objects.get()
    assert len(ends) == 2
    assert set(ends) <= {str(row.pk), "in progress"}
    assert str(row.pk) in ends


def test_an_imported_file_is_one_inspection_of_its_product(receive: Receive, product: Product) -> None:
    first = import_image(Submission(io.BytesIO(jpeg()), product, filename="good/1.jpg"))
    second = import_image(Submission(io.BytesIO(jpeg()), product, filename="good/1.jpg"))
    assert first.pk == second.pk
    assert (first.state, first.verdict, first.source) == ("imported", None, "import")
    assert receive().pk != first.pk, "A station may send an imported part like any other."
