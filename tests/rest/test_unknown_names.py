"""Names in JSON bodies that no field has: refused by name, never passed over."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from inspection.models import Inspection
from labeling.models import Claim, Label
from mltasks.models import ModelVersion
from tests.labeling.conftest import make_part, make_product
from tests.tiny_model import MakeVersion

pytestmark = pytest.mark.django_db
CLAIM = "/api/v1/queue/claim/"


@pytest.fixture
def part() -> Inspection:
    return make_part(make_product())


def refused(client: Client, path: str, body: dict[str, Any], name: str) -> bool:
    answer = client.post(path, body, content_type="application/json").json()
    return answer.get("code") == "unknown_field" and f"`{name}`" in answer["detail"]


def test_it_refuses_a_misspelt_product_and_claims_nothing(client: Client, part: Inspection) -> None:
    assert refused(client, CLAIM, {"Product": part.product.slug}, "Product")
    assert not Claim.objects.exists()


def test_it_refuses_a_misspelt_defect_type_and_keeps_no_label(client: Client, part: Inspection) -> None:
    claim = client.post(CLAIM, {"product": part.product.slug}, content_type="application/json").json()["claim"]
    said = {"verdict": "FAIL", "defectType": "scratch"}
    assert refused(client, f"/api/v1/queue/{claim}/verdict/", said, "defectType")
    assert refused(client, f"/api/v1/queue/{claim}/skip/", {"reason": "other", "note": "dark"}, "note")
    assert refused(client, f"/api/v1/inspections/{part.pk}/label/", said, "defectType")
    assert not Label.objects.exists()


@pytest.mark.parametrize("step", ["promote", "rollback", "approve", "verify"])
def test_it_refuses_misspelt_names_about_a_version(client: Client, make_version: MakeVersion, step: str) -> None:
    version: ModelVersion = make_version(make_product().registered_model)
    path = f"/api/v1/models/{version.model.name}/versions/{version.number}/{step}/"
    body = {"Override": "it is urgent"} | ({} if step == "verify" else {"reason": "better"})
    assert refused(client, path, body, "Override")
    version.refresh_from_db()
    assert version.state == ModelVersion.State.CANDIDATE
