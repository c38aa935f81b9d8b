"""GET /api/v1/inspections/: newest first, filtered, and only what the sender may see."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

from inspection.models import Inspection, Product
from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.inspection.conftest import POST_URL, Sender, error_of

START = datetime(2026, 3, 1, tzinfo=UTC)


def make_inspection(product: Product, number: int, **fields: Any) -> Inspection:
    defaults: dict[str, Any] = {
        "image_name": "images/none.jpg",
        "image_sha256": f"{number:064}",
        "image_format": "JPEG",
        "image_width": 8,
        "image_height": 8,
        "image_bytes": 8,
        "state": "decided",
        "verdict": "PASS",
        "model_verdict": "PASS",
        "part_id": f"P-{number}",
    }
    made = Inspection.objects.create(product=product, **defaults | fields)
    Inspection.objects.filter(pk=made.pk).update(received_at=START + timedelta(minutes=number))
    return made


def shown_numbers(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [int(row["part_id"][2:]) for row in response.json()["results"]]


@pytest.fixture
def filled_history(sender: Sender, product: Product) -> Sender:
    other = create_product("other-case")
    line_2, _ = create_station(product, "line-2")
    make_inspection(product, 1, station=sender.station)
    make_inspection(product, 2, station=line_2, verdict="FAIL", model_verdict="FAIL")
    make_inspection(product, 3, verdict="REVIEW", model_verdict="FAIL", reasons=["low_confidence", "novel_anomaly"])
    make_inspection(product, 4, verdict="REVIEW", model_verdict=None, reasons=["no_model"])
    make_inspection(other, 5)
    return sender


def test_a_station_sees_its_own_product_newest_first(filled_history: Sender) -> None:
    assert shown_numbers(filled_history.get(POST_URL)) == [4, 3, 2, 1]


def test_a_person_who_may_view_sees_all(filled_history: Sender, viewer: Client) -> None:
    assert shown_numbers(viewer.get(POST_URL)) == [5, 4, 3, 2, 1]


def test_a_script_shows_a_token(filled_history: Sender, viewer: Client) -> None:
    token = Token.objects.create(user=User.objects.get())
    assert shown_numbers(Client().get(POST_URL, headers={"Authorization": f"Token {token.key}"})) == [5, 4, 3, 2, 1]


def test_it_refuses_a_person_without_the_permission_and_nobody(filled_history: Sender) -> None:
    client = Client()
    assert error_of(client.get(POST_URL)) == (401, "not_authenticated")
    client.force_login(User.objects.create_user("nobody"))
    assert error_of(client.get(POST_URL)) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"product": "phone-case"}, [4, 3, 2, 1]),
        ({"product": "other-case"}, [5]),
        ({"product": "no-such"}, []),
        ({"station": "line-2"}, [2]),
        ({"verdict": "REVIEW"}, [4, 3]),
        ({"reason": "novel_anomaly"}, [3]),
        ({"label": "FAIL"}, [3, 2]),
        ({"part_id": "P-3"}, [3]),
        ({"received_after": "2026-03-01T00:03:00Z"}, [5, 4, 3]),
        ({"received_before": "2026-03-01T00:03:00Z"}, [2, 1]),
        ({"verdict": "REVIEW", "label": "FAIL", "received_after": "2026-03-01T00:00:00Z"}, [3]),
    ],
)
def test_it_filters(query: dict[str, str], expected: list[int], filled_history: Sender, viewer: Client) -> None:
    assert shown_numbers(viewer.get(POST_URL, query)) == expected


def test_a_station_can_not_filter_its_way_to_another_product(filled_history: Sender) -> None:
    assert shown_numbers(filled_history.get(POST_URL, data={"product": "other-case"})) == []


@pytest.mark.parametrize("name", ["colour", "verdict__in", "id", "offset"])
def test_it_refuses_an_unknown_filter(name: str, filled_history: Sender) -> None:
    assert error_of(filled_history.get(POST_URL, data={name: "x"})) == (400, "unknown_filter")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict", "pass"),
        ("verdict", ""),
        ("label", "REVIEW"),
        ("reason", "bad_mood"),
        ("received_after", "yesterday"),
        ("received_before", "9999-12-31T23:59:59-14:00"),
        ("part_id", "a\u200bb"),
        ("part_id", "x" * 121),
        ("product", "no slug!"),
        ("page_size", "0"),
        ("page_size", "201"),
        ("page_size", "many"),
        ("cursor", "nonsense"),
        ("cursor", b64encode(b"p=nonsense").decode()),
        ("cursor", b64encode(b"p=2026-13-45").decode()),
        ("cursor", b64encode(b"p=2026-01-01+00%3A00%3A00&o=-1").decode()),
    ],
)
def test_it_refuses_a_bad_value(name: str, value: str, filled_history: Sender) -> None:
    response = filled_history.get(POST_URL, data={name: value})
    assert error_of(response) == (400, "invalid_request")
    assert name in response.json()["fields"]


def test_it_refuses_a_filter_given_twice(filled_history: Sender) -> None:
    assert error_of(filled_history.get(f"{POST_URL}?verdict=PASS&verdict=FAIL")) == (400, "invalid_request")


def test_pages_stay_true_while_new_parts_arrive(filled_history: Sender, product: Product) -> None:
    first = filled_history.get(POST_URL, data={"page_size": 2})
    assert shown_numbers(first) == [4, 3]
    make_inspection(product, 9)
    second = filled_history.get(first.json()["next"])
    assert shown_numbers(second) == [2, 1]
    assert second.json()["next"] is None
    assert shown_numbers(filled_history.get(second.json()["previous"])) == [4, 3]


def test_a_page_takes_few_queries(filled_history: Sender, django_assert_max_num_queries: Any) -> None:
    filled_history.get(POST_URL)  # loads the key's station and product, once a process
    with django_assert_max_num_queries(2):  # the key, and the page
        filled_history.get(POST_URL)


def test_it_shows_one(filled_history: Sender) -> None:
    row = Inspection.objects.get(part_id="P-2")
    body = filled_history.get(f"{POST_URL}{row.pk}/").json()
    assert (body["id"], body["station"], body["verdict"]) == (str(row.pk), "line-2", "FAIL")


@pytest.mark.parametrize("below", ["", "image/", "thumbnail/", "heatmap/"])
def test_it_refuses_to_show_another_products(below: str, filled_history: Sender) -> None:
    row = Inspection.objects.get(part_id="P-5")
    assert error_of(filled_history.get(f"{POST_URL}{row.pk}/{below}")) == (404, "not_found")


def test_taking_a_part_takes_few_queries(sender: Sender, django_assert_max_num_queries: Any) -> None:
    # The key, the champion, the image's lock, the row and the verdict; the test's own transaction makes savepoints of
    # the last two's.
    with django_assert_max_num_queries(9):
        assert sender.send().status_code == 201


@pytest.mark.parametrize("name", ["9f1c6a52-6c0e-4f0b-9a57-0d5f2f4f7a10", "7", "nonsense"])
def test_it_refuses_to_show_what_is_not_there(name: str, filled_history: Sender) -> None:
    assert error_of(filled_history.get(f"{POST_URL}{name}/")) == (404, "not_found")


@pytest.mark.parametrize("address", [f"{POST_URL}%00/", f"{POST_URL}?part_id=a%00b"])
def test_it_refuses_control_characters_in_an_address(address: str, filled_history: Sender) -> None:
    answer = filled_history.get(address)
    assert error_of(answer) == (400, "invalid_request") and "U+0000" in answer.json()["detail"]
