"""The admin: products with their model, keys shown once, inspections read only."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from rest_framework_api_key.models import APIKey

from inspection.admin import part_columns
from inspection.admin.part_columns import EstimatedPaginator
from inspection.api.authentication import KEY_PATTERN
from inspection.models import Inspection, PolicyChange, Product, Station, StationKey
from inspection.products import queue_ranking
from inspection.tasks import order_queue
from tests.inspection.conftest import Receive, Sender
from tests.inspection.sample_images import jpeg
from webapp.bootstrap.groups import make_groups

ISSUE = "inspection_station_issue_key"
STATION_FORM = {"keys-TOTAL_FORMS": "0", "keys-INITIAL_FORMS": "0"}


@pytest.fixture(autouse=True)
def whole_site(own_addresses_and_folders: None, settings: Any) -> None:
    settings.ROOT_URLCONF = "webapp.urls"


def logged_in(group: str) -> Client:
    make_groups(apps.get_app_config("labeling"))
    user = User.objects.create_user(group.replace(" ", "-"), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin_client(db: None) -> Client:
    return logged_in("admin")


def product_form(**fields: str) -> dict[str, str]:
    costs = {"fn_cost": "5", "fp_cost": "1", "review_cost": "0.2", "audit_share": "0.01"}
    costs |= {"fail_audit_share": "0.01", "holdout_share": "0.2", "gate_labels": "0"}
    costs |= dict.fromkeys(("gate_replay", "gate_champion_recall", "gate_cost"), "on")
    costs |= {"second_share": "0.05", "repeat_share": "0.02"}
    costs |= {"escape_promise": "0.05", "escape_confidence": "0.95", "pick_strategy": "expected_cost"}
    costs |= {"deadline_action": "late"}
    return {"name": "Plate", "slug": "plate", "retrain_at": "02:00", "training_settings": "{}"} | costs | fields


def shown_key(page: Any) -> str:
    found = re.search(KEY_PATTERN.pattern, page.content.decode())
    assert found, page.content.decode()[:2000]
    return found[0]


def test_a_new_product_has_its_registered_model(admin_client: Client) -> None:
    response = admin_client.post("/admin/inspection/product/add/", product_form())
    assert response.status_code == 302, response.context["adminform"].form.errors
    assert Product.objects.get().registered_model.name == "plate"


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "phone-case"},
        {"fn_cost": "0"},
        {"fn_cost": "nan"},
        {"pick_strategy": "x"},
        {"training_settings": '{"epoch": 1}'},
        {"training_settings": '{"speed": "fast"}'},
        {"speed": "quick"},
        {"budget_ms": "-1"},
    ],
)
def test_it_refuses_a_product_that_can_not_be(wrong: dict[str, str], admin_client: Client, product: Product) -> None:
    response = admin_client.post("/admin/inspection/product/add/", product_form(**wrong))
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == list(wrong)
    assert Product.objects.count() == 1


def test_a_product_keeps_its_slug(admin_client: Client, product: Product) -> None:
    admin_client.post(
        f"/admin/inspection/product/{product.pk}/change/", product_form(slug="other", fn_cost="9", reason="A recall.")
    )
    product.refresh_from_db()
    assert (product.slug, product.fn_cost) == ("phone-case", 9)


def test_costs_change_with_a_reason_and_a_name(admin_client: Client, product: Product) -> None:
    address = f"/admin/inspection/product/{product.pk}/change/"
    refused = admin_client.post(address, product_form(fn_cost="9", retrain_nightly="on"))
    assert list(refused.context["adminform"].form.errors) == ["reason"]
    product.refresh_from_db()
    assert product.fn_cost == 5

    assert (
        admin_client.post(address, product_form(fn_cost="9", reason="A recall.", retrain_nightly="on")).status_code
        == 302
    )
    change = PolicyChange.objects.first()
    assert change is not None and change.by is not None
    assert (change.by.username, change.reason, change.before, change.after) == (
        "admin",
        "A recall.",
        {"fn_cost": 5},
        {"fn_cost": 9},
    )
    seen = admin_client.get("/admin/inspection/policychange/").content.decode()
    assert "cost of an escape: 5 → 9" in seen
    assert admin_client.get("/admin/inspection/policychange/add/").status_code == 403


def test_a_name_changes_without_a_reason(admin_client: Client, product: Product) -> None:
    form = product_form(name="Phone case, black", retrain_nightly="on")
    assert admin_client.post(f"/admin/inspection/product/{product.pk}/change/", form).status_code == 302
    assert PolicyChange.objects.count() == 1, "That of the new product."


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, '{"a": ' * 5_000 + "1" + "}" * 5_000, '{"seed": ' + "9" * 5_000 + "}", '{"seed": NaN}', "{"],
)
def test_it_refuses_training_settings_that_no_database_keeps(admin_client: Client, product: Product, text: str) -> None:
    form = product_form(training_settings=text, reason="A try.", retrain_nightly="on")
    answer = admin_client.post(f"/admin/inspection/product/{product.pk}/change/", form)
    assert answer.status_code == 200 and "training_settings" in answer.context["adminform"].form.errors
    product.refresh_from_db()
    assert product.training_settings == {}


def test_speed_and_time_budget_are_fields_of_their_own(admin_client: Client) -> None:
    new = product_form(speed="fast", budget_ms="40", training_settings='{"folds": 3}')
    assert admin_client.post("/admin/inspection/product/add/", new).status_code == 302
    made = Product.objects.get()
    assert made.training_settings == {"folds": 3, "speed": "fast", "budget_ms": 40}
    config = made.train_config()
    assert (config.speed, config.budget_ms, config.stage_epochs, config.folds) == ("fast", 40, 0, 3)

    address = f"/admin/inspection/product/{made.pk}/change/"
    form = admin_client.get(address).context["adminform"].form
    assert (form["speed"].value(), form["budget_ms"].value()) == ("fast", 40)
    assert form["training_settings"].value() == '{"folds": 3}'

    # A script's form without these fields leaves them as they are.
    assert admin_client.post(address, product_form(training_settings='{"folds": 4}', reason="More.")).status_code == 302
    made.refresh_from_db()
    assert made.training_settings == {"folds": 4, "speed": "fast", "budget_ms": 40}

    slower = product_form(speed="balanced", budget_ms="", reason="Quality first.")
    assert admin_client.post(address, slower).status_code == 302
    made.refresh_from_db()
    assert made.training_settings == {"speed": "balanced", "budget_ms": 0}
    assert made.train_config() == Product().train_config()


def test_a_speed_that_is_left_alone_needs_no_reason(admin_client: Client, product: Product) -> None:
    form = product_form(name="Phone case, black", speed="balanced", budget_ms="", retrain_nightly="on")
    assert admin_client.post(f"/admin/inspection/product/{product.pk}/change/", form).status_code == 302
    product.refresh_from_db()
    assert product.training_settings == {}


def test_another_order_of_the_queue_sends_a_worker(
    admin_client: Client, product: Product, receive: Receive, django_capture_on_commit_callbacks: Any
) -> None:
    part = receive()
    with django_capture_on_commit_callbacks() as sent:
        admin_client.post(
            f"/admin/inspection/product/{product.pk}/change/",
            product_form(pick_strategy="random", reason="To compare."),
        )
    assert sent == [queue_ranking._send_task]
    order_queue()
    part.refresh_from_db()
    assert part.queue_sort_key is not None
    assert part.received_at - timedelta(days=1) < part.queue_sort_key < part.received_at


def test_a_station_becomes_urgent(
    admin_client: Client, station: Station, receive: Receive, django_capture_on_commit_callbacks: Any
) -> None:
    part = receive()
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(f"/admin/inspection/station/{station.pk}/change/", STATION_FORM | {"roi": "", "urgent": "on"})
    station.refresh_from_db()
    assert station.urgent
    order_queue()
    part.refresh_from_db()
    assert part.queue_sort_key == part.received_at - timedelta(days=3)


def test_a_new_station_may_be_urgent(admin_client: Client, product: Product) -> None:
    form = STATION_FORM | {"product": str(product.pk), "name": "line-5", "roi": "", "urgent": "on"}
    admin_client.post("/admin/inspection/station/add/", form)
    assert Station.objects.get().urgent


def test_deadlines_are_set_and_a_products_are_recorded(
    admin_client: Client, station: Station, receive: Receive
) -> None:
    receive()
    page = f"/admin/inspection/station/{station.pk}/change/"
    admin_client.post(page, STATION_FORM | {"roi": "", "deadline_ms": "60000"})
    station.refresh_from_db()
    assert station.deadline_ms == 60_000
    receive(jpeg(seed=2))
    shown = admin_client.get(page).content.decode()
    assert re.search(r"p50 \d+ ms, p95 \d+ ms, p99 \d+ ms \(last 2 parts\); deadlines kept: 100", shown)
    form = product_form(deadline_ms="500", deadline_action="review", reason="The line got faster.")
    admin_client.post(f"/admin/inspection/product/{station.product_id}/change/", form)
    change = PolicyChange.objects.get(product=station.product_id, reason="The line got faster.")
    assert (change.after["deadline_ms"], change.after["deadline_action"]) == (500, "review")
    assert (change.before["deadline_ms"], change.before["deadline_action"]) == (None, "late")


def test_a_new_stations_key_is_shown_once_and_works(admin_client: Client, product: Product) -> None:
    form = STATION_FORM | {"product": str(product.pk), "name": "line-5", "roi": ""}
    page = admin_client.post("/admin/inspection/station/add/", form, follow=True)
    sender = Sender(Station.objects.get(), shown_key(page))
    assert sender.send().status_code == 201
    again = admin_client.get("/admin/inspection/station/")
    assert not re.search(KEY_PATTERN.pattern, again.content.decode())


def test_another_key_is_issued_from_the_stations_page(admin_client: Client, station: Station) -> None:
    address = f"/admin/inspection/station/{station.pk}/change/"
    assert f'name="{ISSUE}"' in admin_client.get(address).content.decode()
    assert ISSUE not in admin_client.get("/admin/inspection/station/add/").content.decode()
    page = admin_client.post(address, STATION_FORM | {"roi": "", ISSUE: "1"}, follow=True)
    assert Sender(station, shown_key(page)).send().status_code == 201
    assert StationKey.objects.filter(revoked=False).count() == 2


def test_keys_are_issued_from_the_list(admin_client: Client, station: Station) -> None:
    chosen = {"action": "issue_keys", "_selected_action": [str(station.pk)]}
    page = admin_client.post("/admin/inspection/station/", chosen, follow=True)
    assert Sender(station, shown_key(page)).send().status_code == 201


def test_a_revoked_key_opens_nothing(admin_client: Client, sender: Sender) -> None:
    chosen = {"action": "revoke", "_selected_action": [str(StationKey.objects.get().pk)]}
    page = admin_client.post("/admin/inspection/stationkey/", chosen, follow=True)
    assert "Revoked 1 of the selected keys" in page.content.decode()
    assert sender.send().status_code == 401


def test_a_reviewer_can_neither_issue_nor_revoke(sender: Sender) -> None:
    reviewer = logged_in("reviewer")
    chosen = {"action": "issue_keys", "_selected_action": [str(sender.station.pk)]}
    reviewer.post("/admin/inspection/station/", chosen)
    assert reviewer.get("/admin/inspection/stationkey/").status_code == 403
    form = STATION_FORM | {"roi": "", ISSUE: "1"}
    reviewer.post(f"/admin/inspection/station/{sender.station.pk}/change/", form)
    assert StationKey.objects.count() == 1


def test_inspections_are_listed_with_picture_verdict_and_reasons(admin_client: Client, receive: Receive) -> None:
    row = receive(part_id="P-77")
    page = admin_client.get("/admin/inspection/inspection/").content.decode()
    for words in (f"/api/v1/inspections/{row.pk}/thumbnail/", "P-77", "Review", "No champion yet"):
        assert words in page
    found = admin_client.get("/admin/inspection/inspection/", {"q": "P-77", "verdict__exact": "REVIEW"})
    assert found.context["cl"].result_count == 1


def test_an_inspection_can_only_be_read(admin_client: Client, receive: Receive) -> None:
    row = receive()
    address = f"/admin/inspection/inspection/{row.pk}/"
    assert admin_client.get(f"{address}change/").status_code == 200
    assert admin_client.post(f"{address}change/", {"part_id": "changed"}).status_code == 403
    assert admin_client.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/inspection/inspection/add/").status_code == 403


def test_the_librarys_own_keys_are_not_there() -> None:
    assert not admin.site.is_registered(APIKey)


def test_long_lists_are_estimated(receive: Receive, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        receive(product=product)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inspection_inspection")
    rows = Inspection.objects.order_by("pk")
    assert EstimatedPaginator(rows, 2).count == 4
    monkeypatch.setattr(part_columns, "MAX_EXACT_COUNT", 3)
    assert EstimatedPaginator(rows, 2).count >= 3
    assert EstimatedPaginator(rows.filter(product=product), 2).count == 3
