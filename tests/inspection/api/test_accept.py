"""Accept headers that REST has no kind for: the part is taken all the same."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inspection.models import Inspection
from tests.inspection.conftest import Sender
from tests.inspection.forms import image_field, post_form
from tests.labeling.conftest import make_part, make_product

ODD = ["", "text/html", "application/xml", "image/png", ";;;", "*/*;q=0"]


@pytest.mark.parametrize("accept", ODD)
@pytest.mark.parametrize("path", ["/api/v1/inspections/", "/api/v1/inspections/batch/", "/predict"])
def test_it_takes_a_part_whatever_the_station_accepts(sender: Sender, path: str, accept: str) -> None:
    answer = post_form(sender, image_field(), path=path, Accept=accept)
    assert answer.status_code in (200, 201) and answer["Content-Type"] == "application/json", answer.content
    assert Inspection.objects.count() == 1


@pytest.mark.django_db
def test_it_answers_people_and_scripts_whatever_they_accept(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    part = make_part(make_product())
    for accept in ODD:
        answer = client.get(f"/api/v1/inspections/{part.pk}/", headers={"Accept": accept})
        assert answer.status_code == 200 and answer.json()["id"] == str(part.pk), accept
