"""The models API is for people of a group."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from mltasks.models import RegisteredModel
from tests.mltasks.conftest import make_person

pytestmark = pytest.mark.django_db


def test_it_refuses_a_person_without_a_group(model: RegisteredModel) -> None:
    client = APIClient()
    client.force_authenticate(make_person("nobody"))
    for name in ("versions", "runs"):
        response = client.get(f"/api/v1/models/{model.name}/{name}/")
        assert response.status_code == 403
        assert "group" in response.json()["detail"]
    client.force_authenticate(make_person("ada", "view_modelversion"))
    assert client.get(f"/api/v1/models/{model.name}/versions/").status_code == 200
