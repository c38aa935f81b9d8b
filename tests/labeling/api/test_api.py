"""The review over REST."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from drf_spectacular.generators import SchemaGenerator
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from inspection.models import Inspection, Product, Station, StationKey, Verdict
from labeling.models import DefectType, Label, Review
from labeling.queue import queue
from labeling.review import review
from tests.labeling.conftest import make_part, make_product

CLAIM = "/api/v1/queue/claim/"


def client_of(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


@pytest.fixture
def client(ada: User) -> APIClient:
    return client_of(ada)


def claim_json(client: APIClient, **payload: Any) -> dict[str, Any]:
    answer = client.post(CLAIM, payload)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def assert_error(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["detail"]


def test_a_claim_names_the_part_and_the_end_of_the_lease(client: APIClient, part: Inspection) -> None:
    body = claim_json(client, product="plate")
    assert set(body) == {"claim", "inspection", "expires_at", "again", "dispute"}
    assert (body["inspection"]["id"], body["inspection"]["verdict"]) == (str(part.pk), "REVIEW")
    assert body["inspection"]["image_sha256"] == part.image_sha256


def test_without_a_product_all_products_count(client: APIClient, part: Inspection) -> None:
    assert claim_json(client)["inspection"]["product"] == "plate"


def test_an_empty_queue_is_no_content(client: APIClient, product: Product) -> None:
    answer = client.post(CLAIM, {"product": "plate"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_page_names_the_claims_it_shows(client: APIClient, product: Product) -> None:
    make_part(product), make_part(product)
    first = claim_json(client)
    assert claim_json(client) | {"expires_at": ""} == first | {"expires_at": ""}
    assert claim_json(client, excluding=[first["claim"]])["claim"] != first["claim"]


def test_one_part_can_be_asked_for(client: APIClient, product: Product) -> None:
    make_part(product)
    wanted = make_part(product)
    assert claim_json(client, inspection=str(wanted.pk))["inspection"]["id"] == str(wanted.pk)


def test_it_refuses_a_part_that_another_holds(client: APIClient, part: Inspection, bob: User) -> None:
    queue.claim(reviewer=bob)
    assert_error(client.post(CLAIM, {"inspection": str(part.pk)}), 409, "claim_lost")


@pytest.mark.parametrize(
    "asked", [{"product": "nothing"}, {"excluding": ["x"]}, {"excluding": "x"}, {"inspection": str(uuid4())}, ["x"]]
)
def test_it_refuses_a_claim_that_makes_no_sense(client: APIClient, part: Inspection, asked: Any) -> None:
    assert_error(client.post(CLAIM, asked), 400, "invalid_request")


def test_a_verdict_becomes_a_label(client: APIClient, part: Inspection) -> None:
    DefectType.objects.create(product=part.product, name="scratch")
    claim = claim_json(client)["claim"]
    said = {"verdict": "FAIL", "defect_type": "scratch", "comment": "left edge"}
    answer = client.post(f"/api/v1/queue/{claim}/verdict/", said)
    assert answer.status_code == 201
    body = answer.json()
    assert isinstance(body.pop("created_at"), str)
    label = Label.objects.get()
    assert body == said | {
        "id": label.pk,
        "inspection": str(part.pk),
        "source": "review",
        "provenance": "single",
        "reviewer": "ada",
        "marks": [],
        "undone": False,
    }


SPOT = {"left": 0.5, "top": 0.25, "width": 0.0, "height": 0.0}


def test_a_verdict_may_mark_the_defect(client: APIClient, part: Inspection) -> None:
    claim = claim_json(client)["claim"]
    marks = [{"left": 0.5, "top": 0.25}, {"left": 0, "top": 0.75, "width": 1, "height": 0.125}]
    answer = client.post(f"/api/v1/queue/{claim}/verdict/", {"verdict": "FAIL", "marks": marks})
    stored = [SPOT, {"left": 0.0, "top": 0.75, "width": 1.0, "height": 0.125}]
    assert (answer.status_code, answer.json()["marks"]) == (201, stored)
    assert Label.objects.get().marks == stored
    assert client.post(f"/api/v1/labels/{answer.json()['id']}/undo/").json()["marks"] == stored


def test_a_correction_may_move_withdraw_or_keep_the_marks(client: APIClient, part: Inspection) -> None:
    address = f"/api/v1/inspections/{part.pk}/label/"
    for said, stored in (
        ({"marks": [SPOT]}, [SPOT]),
        ({"comment": "deep"}, None),
        ({"comment": "no", "marks": None}, None),
        ({"comment": "nowhere", "marks": []}, []),
    ):
        answer = client.post(address, {"verdict": "FAIL", **said})
        assert (answer.status_code, answer.json()["marks"]) == (201, stored or [])
        assert Label.objects.get(pk=answer.json()["id"]).marks == stored


HOSTILE_MARKS: list[Any] = [
    "[]",
    {"left": 0.5, "top": 0.5},
    [None],
    [[0.1, 0.2, 0.3, 0.4]],
    [{"left": 0.5}],
    [SPOT | {"left": -0.01}],
    [SPOT | {"top": 1.01}],
    [SPOT | {"width": 0.51}],
    [SPOT | {"left": "0.5"}],
    [SPOT | {"left": True}],
    [SPOT | {"left": None}],
    [SPOT | {"left": [0.5]}],
    [SPOT | {"left": 2**63 - 1}],
    [SPOT, SPOT | {"height": -0.1}],
    [SPOT] * 9,
]


@pytest.mark.parametrize("marks", HOSTILE_MARKS)
def test_it_refuses_other_marks_and_writes_nothing(client: APIClient, part: Inspection, marks: Any) -> None:
    claim = claim_json(client)["claim"]
    for address in (f"/api/v1/queue/{claim}/verdict/", f"/api/v1/inspections/{part.pk}/label/"):
        answer = client.post(address, {"verdict": "FAIL", "marks": marks})
        assert_error(answer, 400, "invalid_request")
        assert "mark" in answer.json()["detail"]
    assert not Label.objects.exists()
    assert client.post(f"/api/v1/queue/{claim}/verdict/", {"verdict": "FAIL"}).status_code == 201


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_it_refuses_numbers_that_are_none(client: APIClient, part: Inspection, number: str) -> None:
    body = f'{{"verdict": "FAIL", "marks": [{{"left": {number}, "top": 0}}]}}'
    answer = client.post(f"/api/v1/inspections/{part.pk}/label/", body, content_type="application/json")
    assert_error(answer, 400, "invalid_request")
    assert not Label.objects.exists()


def test_it_refuses_marks_on_a_good_part_and_unknown_names(client: APIClient, part: Inspection) -> None:
    address = f"/api/v1/inspections/{part.pk}/label/"
    assert_error(client.post(address, {"verdict": "PASS", "marks": [SPOT]}), 400, "invalid_request")
    assert_error(client.post(address, {"verdict": "FAIL", "marks": [SPOT | {"color": 1}]}), 400, "unknown_field")
    assert client.post(address, {"verdict": "PASS", "marks": []}).status_code == 201


def test_the_same_verdict_sent_again_answers_the_same(client: APIClient, part: Inspection) -> None:
    address = f"/api/v1/queue/{claim_json(client)['claim']}/verdict/"
    first, again = (client.post(address, {"verdict": "PASS", "defect_type": "", "comment": ""}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert_error(client.post(address, {"verdict": "FAIL"}), 409, "claim_lost")


def test_it_refuses_a_verdict_on_a_part_that_was_settled(client: APIClient, part: Inspection, bob: User) -> None:
    claim = claim_json(client)["claim"]
    review.correct(part, by=bob, verdict="FAIL")
    assert_error(client.post(f"/api/v1/queue/{claim}/verdict/", {"verdict": "PASS"}), 409, "claim_lost")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"verdict": "REVIEW"},
        {"verdict": "PASS", "defect_type": "scratch"},
        {"verdict": "FAIL", "defect_type": "unknown"},
        {"verdict": "FAIL", "comment": "x" * 2001},
        {"verdict": "FAIL", "comment": "a\0b"},
    ],
)
def test_it_refuses_what_is_no_verdict(client: APIClient, part: Inspection, said: dict[str, str]) -> None:
    DefectType.objects.create(product=part.product, name="scratch")
    claim = claim_json(client)["claim"]
    assert_error(client.post(f"/api/v1/queue/{claim}/verdict/", said), 400, "invalid_request")
    assert_error(client.post(f"/api/v1/inspections/{part.pk}/label/", said), 400, "invalid_request")
    assert not Label.objects.exists()


@pytest.mark.parametrize("step", ["verdict", "renew", "release", "skip"])
def test_it_knows_no_claims_of_others(client: APIClient, part: Inspection, bob: User, step: str) -> None:
    theirs = queue.claim(reviewer=bob)
    assert theirs is not None
    for key in (theirs.pk, uuid4(), "nonsense"):
        said = {"reason": "other"} if step == "skip" else {"verdict": "PASS"}
        assert_error(client.post(f"/api/v1/queue/{key}/{step}/", said), 404, "not_found")
    assert not Label.objects.exists()


def test_a_part_is_skipped_with_a_reason(client: APIClient, part: Inspection) -> None:
    claim = claim_json(client)["claim"]
    address = f"/api/v1/queue/{claim}/skip/"
    for said in ({}, {"reason": "lunch"}, {"reason": "other", "comment": "x" * 2001}):
        assert_error(client.post(address, said), 400, "invalid_request")
    first, again = (client.post(address, {"reason": "unclear_image", "comment": "dark"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json().pop("created_at")
    assert first.json() | {"created_at": ""} == {
        "claim": claim,
        "inspection": str(part.pk),
        "reason": "unclear_image",
        "comment": "dark",
        "created_at": "",
    }
    assert_error(client.post(address, {"reason": "other"}), 409, "claim_lost")
    assert client.post(CLAIM).status_code == 204
    assert claim_json(client, inspection=str(part.pk))["inspection"]["id"] == str(part.pk)


def test_a_verdict_may_say_how_long_the_part_was_on_the_screen(client: APIClient, part: Inspection) -> None:
    address = f"/api/v1/queue/{claim_json(client)['claim']}/verdict/"
    for wrong in (-1, 86401, "nan", "inf", "long", True, False):
        assert_error(client.post(address, {"verdict": "PASS", "shown_seconds": wrong}), 400, "invalid_request")
    first, again = (client.post(address, {"verdict": "PASS", "shown_seconds": shown}) for shown in (2.5, 3))
    assert (first.status_code, again.json()) == (201, first.json())
    assert Review.objects.get().shown_seconds == 2.5


def test_renewing_and_releasing(client: APIClient, part: Inspection, bob: User) -> None:
    body = claim_json(client)
    renewed = client.post(f"/api/v1/queue/{body['claim']}/renew/")
    assert renewed.status_code == 200
    assert renewed.json()["expires_at"] > body["expires_at"]
    assert renewed.json()["inspection"] == body["inspection"]
    assert client.post(f"/api/v1/queue/{body['claim']}/release/").status_code == 204
    assert queue.claim(reviewer=bob) is not None
    assert_error(client.post(f"/api/v1/queue/{body['claim']}/renew/"), 409, "claim_lost")


def test_an_undo_brings_the_part_back(client: APIClient, part: Inspection) -> None:
    claim = claim_json(client)["claim"]
    label = client.post(f"/api/v1/queue/{claim}/verdict/", {"verdict": "PASS"}).json()
    answer = client.post(f"/api/v1/labels/{label['id']}/undo/")
    assert (answer.status_code, answer.json()) == (200, label | {"undone": True})
    assert claim_json(client)["inspection"]["id"] == str(part.pk)
    assert_error(client.post(f"/api/v1/labels/{label['id']}/undo/"), 409, "already_undone")


def test_it_refuses_to_undo_what_others_said(client: APIClient, part: Inspection, bob: User, manager: User) -> None:
    label = review.correct(part, by=bob, verdict="FAIL")
    address = f"/api/v1/labels/{label.pk}/undo/"
    assert_error(client.post(address), 403, "permission_denied")
    assert client_of(manager).post(address).status_code == 200


def test_it_refuses_to_undo_what_does_not_count(client: APIClient, part: Inspection, ada: User) -> None:
    older = review.correct(part, by=ada, verdict="FAIL")
    review.correct(part, by=ada, verdict="PASS")
    assert_error(client.post(f"/api/v1/labels/{older.pk}/undo/"), 409, "not_standing")
    for key in ("0", "x", "9" * 30, "-1"):
        assert_error(client.post(f"/api/v1/labels/{key}/undo/"), 404, "not_found")


def test_any_part_can_be_corrected(client: APIClient, product: Product) -> None:
    part = make_part(product, verdict=Verdict.PASS)
    answer = client.post(f"/api/v1/inspections/{part.pk}/label/", {"verdict": "FAIL"})
    assert answer.status_code == 201
    assert (answer.json()["source"], answer.json()["verdict"]) == ("correction", "FAIL")
    for key in (uuid4(), "nonsense"):
        answer = client.post(f"/api/v1/inspections/{key}/label/", {"verdict": "FAIL"})
        assert_error(answer, 404, "not_found")


def addresses(part: Inspection, person: User) -> list[str]:
    label = review.correct(make_part(part.product), by=person, verdict="FAIL")
    claim = queue.claim(reviewer=person)
    assert claim is not None
    steps = [f"/api/v1/queue/{claim.pk}/{step}/" for step in ("verdict", "renew", "release", "skip")]
    return [CLAIM, *steps, f"/api/v1/labels/{label.pk}/undo/", f"/api/v1/inspections/{part.pk}/label/"]


def test_it_refuses_people_who_do_not_review(part: Inspection, ada: User) -> None:
    found = addresses(part, ada)
    ada.groups.clear()
    for address in found:
        assert_error(client_of(ada).post(address, {"verdict": "PASS"}), 403, "permission_denied")


def test_it_refuses_strangers_and_stations(part: Inspection, ada: User) -> None:
    station = Station.objects.create(product=make_product("case"), name="line-1")
    _, key = StationKey.objects.create_key(name="line-1", station=station)
    machine = APIClient()
    machine.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    for address in addresses(part, ada):
        for stranger in (client_of(None), machine):
            assert_error(stranger.post(address, {"verdict": "PASS"}), 401, "not_authenticated")


def test_the_schema_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert "/api/v1/queue/{claim}/verdict/" in schema["paths"]
    assert "Warning" not in capsys.readouterr().err
