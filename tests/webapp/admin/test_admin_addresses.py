"""Addresses of the admin that mean nothing: a redirect, 400 or 404, never a fault of ours."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.labeling.conftest import make_part, make_product

pytestmark = pytest.mark.django_db

# Of every list
QUERIES = ["created_at__year=99999", "pk__regex=(((", "id__range=1", "id__in=a,b", "id=" + "9" * 5000, "o=99999"]
# Of one
MORE_QUERIES = [
    *("received_at__year=99999", "received_at__year__gt=99999", "received_at__iso_year=99999", "received_at__date=x"),
    *("received_at__gt=infinity", "received_at=9999-12-31T23:59:59-14:00", "received_at__range=a,b"),
    *(
        "original_filename__iregex=*",
        "id__range=1,x",
        "queue_sort_key__gt=1e400",
        "reasons__contains=x",
        "metadata__contains=x",
    ),
    *("product__id__exact=x", "id__nosuch=1", "nosuch=1", "id=%00", "o=a.1.-9", "p=abc", "p=-1", "p=" + "9" * 5000),
    *("e=1", "q=%22", "_to_field=x", "received_at__gte=0001-01-01T00:00:00%2B14:00"),
]
OBJECTS = [
    "abc/change/",
    "9" * 40 + "/change/",
    "9" * 5000 + "/change/",
    "_2F/history/",
    "x/delete/",
    "add/?_to_field=x",
]
ACTIONS = [("delete_selected", "abc"), ("revoke", "9" * 40), ("no-such", "-1")]
LISTS = sorted(
    f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model, _ in admin.site._registry.items()
)


@pytest.fixture
def boss() -> Client:
    """A superuser's client that shows what a visitor sees, where the tests' own would raise."""
    make_part(make_product())
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_never_a_fault(boss: Client, name: str) -> None:
    path = reverse(name)
    assert boss.get(path).status_code == 200
    answers = {f"?{query}": boss.get(f"{path}?{query}").status_code for query in QUERIES}
    answers |= {tail: boss.get(path + tail).status_code for tail in OBJECTS}
    for action, chosen in ACTIONS:
        form = {"action": action, "_selected_action": chosen, "index": "0"}
        answers[f"{action} {chosen}"] = boss.post(path, form).status_code
    assert not {what[:60]: status for what, status in answers.items() if status >= 500}


def test_a_filter_is_never_a_fault(boss: Client) -> None:
    answers = {query[:60]: boss.get(f"/admin/inspection/inspection/?{query}").status_code for query in MORE_QUERIES}
    assert not {query: status for query, status in answers.items() if status >= 500}


def test_a_meaningless_filter_leads_back_to_the_list(boss: Client) -> None:
    response = boss.get("/admin/inspection/inspection/?received_at__year=99999")
    assert (response.status_code, response["Location"]) == (302, "/admin/inspection/inspection/?e=1")
    chosen = {"action": "delete_selected", "_selected_action": "abc", "index": "0"}
    refused = boss.post("/admin/axes/accessattempt/", chosen, follow=True)
    assert "not in this list" in refused.content.decode()


def test_a_filter_that_means_something_narrows(boss: Client) -> None:
    assert boss.get("/admin/inspection/inspection/?verdict__exact=REVIEW").context["cl"].result_count == 1
    assert boss.get("/admin/inspection/inspection/?verdict__exact=PASS").context["cl"].result_count == 0
