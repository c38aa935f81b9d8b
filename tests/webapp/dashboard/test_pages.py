"""The pages as a client without scripts sees them: doors, filters, forms, refusals, stale forms."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from inspection.models import Inspection, Product
from inspection.products.products import create_product
from inspection.products.stations import create_station
from labeling.models import Claim, DefectType, Label
from labeling.queue import queue
from labeling.review import review
from mltasks.models import TrainingRun
from webapp.bootstrap.groups import make_groups

pytestmark = pytest.mark.django_db
PAGES = ("/", "/review/", "/review/plain/", "/inspections/", "/models/")


@pytest.fixture
def product() -> Product:
    made = create_product("plate", name="Plate")
    # Nothing is judged twice by chance.
    Product.objects.filter(pk=made.pk).update(second_share=0, repeat_share=0)
    DefectType.objects.create(product=made, name="scratch", key="1")
    return made


def make_reviewer(name: str = "ada", group: str = "reviewer") -> User:
    if not Group.objects.filter(name=group).exists():
        make_groups(apps.get_app_config("labeling"))
    made = User.objects.create_user(name, password=f"{name}-and-a-long-password")
    made.groups.add(Group.objects.get(name=group))
    return made


def client_of(user: User, **settings: Any) -> Client:
    client = Client(**settings)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def ada() -> User:
    return make_reviewer()


@pytest.fixture
def client(ada: User) -> Client:
    return client_of(ada)


def make_waiting_part(product: Product, **fields: Any) -> Inspection:
    sha256 = hashlib.sha256(uuid4().bytes).hexdigest()
    image = {"image_name": f"{sha256}.jpg", "image_sha256": sha256, "image_format": "JPEG"}
    size = {"image_width": 64, "image_height": 64, "image_bytes": 1000}
    decided = {"state": Inspection.State.DECIDED, "verdict": "REVIEW", "reasons": ["no_model"]}
    return Inspection.objects.create(product=product, **{**image, **size, **decided, **fields})


def titles(response: Any) -> list[str]:
    return [str(found) for found in response.context["page"].parts]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_logs_in_first(product: Product, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


@pytest.mark.parametrize("path", PAGES)
def test_it_opens_for_a_reviewer_with_and_without_a_product(client: Client, path: str) -> None:
    assert "create_product" in client.get(path).content.decode()
    create_product("plate")
    response = client.get(path)
    assert response.status_code == 200
    assert "create_product" not in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_it_refuses_a_person_without_a_group_in_words(product: Product, path: str) -> None:
    response = client_of(User.objects.create_user("eve")).get(path)
    assert response.status_code == 403
    assert "No permission" in response.content.decode()


def test_pages_hold_no_inline_script_or_style(client: Client, product: Product) -> None:
    found = make_waiting_part(
        product, defect_probability=0.4, reconstruction_error=2.0, anomaly_threshold=1.0, model_verdict="FAIL"
    )
    for path in (*PAGES, f"/inspections/{found.pk}/"):
        response = client.get(path)
        text = response.content.decode()
        assert " style=" not in text
        assert " onclick=" not in text
        assert "script-src 'self'" in response["Content-Security-Policy"]


def test_the_product_in_the_address_is_remembered(client: Client, product: Product) -> None:
    create_product("tile", name="Tile")
    client.get("/?product=tile")
    assert client.get("/inspections/").context["product"].slug == "tile"
    assert client.get("/inspections/?product=no-such").status_code == 404
    assert client.get("/inspections/").context["product"].slug == "tile", "The session keeps what was chosen."


def test_the_history_filters(client: Client, product: Product, ada: User) -> None:
    old = make_waiting_part(product, part_id="A-1", verdict="PASS", reasons=[])
    Inspection.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(days=2))
    make_waiting_part(product, part_id="A-2", verdict="FAIL", model_verdict="FAIL", reasons=[])
    labeled = make_waiting_part(product, part_id="B-3", model_verdict="FAIL")
    review.correct(labeled, by=ada, verdict="PASS")
    assert titles(client.get("/inspections/")) == ["B-3", "A-2", "A-1"]
    assert titles(client.get("/inspections/?verdict=FAIL")) == ["A-2"]
    assert titles(client.get("/inspections/?since=24h")) == ["B-3", "A-2"]
    assert titles(client.get("/inspections/?reason=no_model")) == ["B-3"]
    assert titles(client.get("/inspections/?label=none")) == ["A-2", "A-1"]
    assert titles(client.get("/inspections/?label=PASS")) == ["B-3"]
    assert titles(client.get("/inspections/?label=against")) == ["B-3"]
    assert titles(client.get("/inspections/?q=A-")) == ["A-2", "A-1"]
    assert titles(client.get(f"/inspections/?q={old.pk}")) == ["A-1"]
    assert titles(client.get("/inspections/?verdict=bogus&before=nonsense~x")) == ["B-3", "A-2", "A-1"]


def test_the_history_pages_by_keyset_without_a_gap(
    client: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.history.history.PAGE_SIZE", 2)
    for number in range(5):
        make_waiting_part(product, part_id=f"P-{number}")
    same = timezone.now()
    Inspection.objects.update(received_at=same)  # equal times: the id decides
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        response = client.get("/inspections/", query)
        seen += titles(response)
        make_waiting_part(product, part_id="new")  # what arrives meanwhile moves nothing
        if not response.context["page"].older_position:
            break
        query = {"before": response.context["page"].older_position}
    assert sorted(seen) == [f"P-{number}" for number in range(5)]


def test_it_shows_only_the_chosen_products_parts(client: Client, product: Product) -> None:
    make_waiting_part(create_product("tile"), part_id="T-1")
    make_waiting_part(product, part_id="P-1")
    assert titles(client.get("/inspections/?product=plate")) == ["P-1"]


def test_a_parts_page_tells_its_life(client: Client, product: Product, ada: User) -> None:
    found = make_waiting_part(product, part_id="P-1", decided_at=timezone.now())
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    label = review.resolve(claim, verdict="FAIL", defect_type="scratch", comment="near the pad")
    review.undo(label, by=ada)
    text = client.get(f"/inspections/{found.pk}/").content.decode()
    for words in ("Received", "Decided REVIEW", "Labeled FAIL (scratch) by ada", "near the pad", "undone by ada"):
        assert words in text


def test_a_part_answered_at_its_deadline_says_so(client: Client, product: Product) -> None:
    times = {"decided_at": timezone.now(), "latency_ms": 295.4, "deadline_ms": 300}
    part = make_waiting_part(product, reasons=["deadline"], scoring_deferred=True, **times)
    text = client.get(f"/inspections/{part.pk}/").content.decode()
    for words in (
        "no time for scores before the deadline",
        "A worker computes them soon",
        "Decided REVIEW without a model",
    ):
        assert words in text
    assert "295 ms after it arrived, within the deadline of 300 ms" in text


def test_a_part_is_corrected_and_taken_back(client: Client, product: Product) -> None:
    found = make_waiting_part(product)
    client.post(f"/inspections/{found.pk}/correct/", {"verdict": "FAIL", "defect_type": "scratch"})
    label = Label.objects.get()
    assert str(label) == "FAIL scratch"
    client.post(f"/inspections/{found.pk}/undo/", {"label": label.pk})
    assert not Label.objects.not_undone().exists()


@pytest.mark.parametrize("sent", [{}, {"verdict": "REVIEW"}, {"verdict": "PASS", "defect_type": "scratch"}])
def test_it_refuses_a_senseless_correction_in_words(client: Client, product: Product, sent: dict[str, str]) -> None:
    found = make_waiting_part(product)
    response = client.post(f"/inspections/{found.pk}/correct/", sent, follow=True)
    assert 'class="note error"' in response.content.decode()
    assert not Label.objects.exists()


def test_it_refuses_to_take_back_another_persons_label(product: Product, ada: User) -> None:
    found = make_waiting_part(product)
    label = review.correct(found, by=ada, verdict="PASS")
    bob = client_of(make_reviewer("bob"))
    assert bob.post(f"/inspections/{found.pk}/undo/", {"label": label.pk}).status_code == 403
    assert bob.post("/review/undo/", {"label": label.pk}).status_code == 403
    assert Label.objects.not_undone().exists()


@pytest.mark.parametrize("path", ["/review/held/", "/review/release/"])
def test_it_refuses_to_touch_another_persons_claim(product: Product, ada: User, path: str) -> None:
    make_waiting_part(product)
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    bob = client_of(make_reviewer("bob"))
    assert bob.post(path, {"product": "plate", "claim": str(claim.pk)}).status_code == 403
    assert Claim.objects.get().closed_at is None


@pytest.mark.parametrize("sent", [{"label": "x"}, {"label": ""}, {"label": "99999"}, {"label": "9" * 40}, {}])
def test_it_finds_no_label_of_a_broken_number(client: Client, product: Product, sent: dict[str, str]) -> None:
    assert client.post("/review/undo/", sent).status_code == 404


def test_the_next_part_comes_as_html_and_204_says_none_waits(client: Client, product: Product) -> None:
    assert client.post("/review/next/", {"product": "plate"}).status_code == 204
    found = make_waiting_part(product, part_id='"><script>alert(1)</script>')
    text = client.post("/review/next/", {"product": "plate"}).content.decode()
    assert str(found.pk) in text
    assert "<script>alert" not in text
    held = [str(claim.pk) for claim in Claim.objects.all()]
    assert client.post("/review/next/", {"product": "plate", "excluding": held}).status_code == 204


def test_the_heartbeat_says_which_claims_are_lost(client: Client, product: Product, ada: User) -> None:
    found = make_waiting_part(product)
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    review.correct(found, by=make_reviewer("mia", "quality manager"), verdict="PASS")
    answer = client.post("/review/held/", {"product": "plate", "claim": str(claim.pk)}).json()
    assert answer["lost"] == [str(claim.pk)]
    assert answer["left"] == 0


@pytest.mark.parametrize("path", ["/models/plate/retrain/", "/models/plate/1/promote/", "/models/run-1/retry/"])
def test_a_reviewer_may_neither_retrain_nor_promote(client: Client, product: Product, path: str) -> None:
    assert client.post(path, {"reason": "I like it", "champion": 0}).status_code == 403
    assert not TrainingRun.objects.exists()


def test_a_stale_form_is_refused_in_words(product: Product, ada: User) -> None:
    strict = client_of(ada, enforce_csrf_checks=True)
    response = strict.post(f"/inspections/{make_waiting_part(product).pk}/correct/", {"verdict": "PASS"})
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()
    assert not Label.objects.exists()


def test_what_is_not_there_says_so(client: Client, product: Product) -> None:
    for path in (f"/inspections/{uuid4()}/", "/models/plate/7/", "/models/run-7/", "/nowhere/"):
        response = client.get(path)
        assert response.status_code == 404
        assert "Page not found" in response.content.decode()


def test_the_theme_goes_back_where_it_came_from_and_nowhere_else(client: Client, product: Product) -> None:
    response = client.post("/theme/", {"theme": "light"}, headers={"Referer": "http://testserver/models/"})
    assert response["Location"] == "http://testserver/models/"
    assert 'data-theme="light"' in client.get("/").content.decode()
    response = client.post("/theme/", {"theme": "pink"}, headers={"Referer": "http://evil.example/"})
    assert response["Location"] == "/"
    assert "data-theme" not in client.get("/").content.decode()


def test_the_login_goes_on_to_the_page_that_was_asked_for(product: Product, ada: User) -> None:
    client = Client()
    sent = {"username": "ada", "password": "ada-and-a-long-password", "next": "/models/"}
    assert client.post("/login/", sent)["Location"] == "/models/"
    assert client.post("/logout/")["Location"] == "/login/"
    refused = Client().post("/login/", {**sent, "password": "wrong"})
    assert 'role="alert"' in refused.content.decode()


def test_a_photo_that_is_none_is_refused_in_words(client: Client, product: Product) -> None:
    response = client.post("/inspect/", {"of": "plate"}, follow=True)
    assert "Choose a photo first." in response.content.decode()
    assert not Inspection.objects.exists()


def test_two_photos_at_once_are_refused_in_words(client: Client, product: Product) -> None:
    both = [SimpleUploadedFile(f"{number}.jpg", b"any") for number in range(2)]
    for form in ({"photo": both}, {"photo": both[0], "camera": both[1]}):
        response = client.post("/inspect/", {"of": "plate", **form}, follow=True)
        assert "2 photos arrived, and none was inspected." in response.content.decode()
    assert not Inspection.objects.exists()


def test_the_dashboard_costs_few_queries(client: Client, product: Product, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        make_waiting_part(product, part_id=f"P-{number}")
    with django_assert_max_num_queries(30):
        client.get("/")
    with django_assert_max_num_queries(16):
        client.get("/inspections/")


def test_the_dashboard_shows_each_stations_latency(client: Client, product: Product) -> None:
    station, _ = create_station(product, "line-1", deadline_ms=150)
    create_station(product, "line-without-parts")
    assert b"latency-title" not in client.get("/").content
    cache.clear()
    for latency in (100, 120, 200):
        make_waiting_part(product, station=station, latency_ms=latency, deadline_ms=150)
    page = client.get("/").content.decode()
    row = page[page.index("latency-title") :]
    for figure in (">120<", ">192<", ">198<", ">150<"):
        assert figure in row
    assert "66.7" in row.replace("\N{NO-BREAK SPACE}", " ") and "line-without-parts" not in row


def test_too_many_wrong_passwords_are_told_to_wait(product: Product, ada: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    client = Client()
    for _ in range(3):
        response = client.post("/login/", {"username": "ada", "password": "wrong"})
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()


def test_another_product_is_looked_at_where_it_has_pages(client: Client, product: Product) -> None:
    create_product("tile", name="Tile")
    text = client.get(f"/inspections/{make_waiting_part(product).pk}/").content.decode()
    assert 'action="/inspections/"' in text
    assert client.get("/models/").context["model"].name == "plate"
