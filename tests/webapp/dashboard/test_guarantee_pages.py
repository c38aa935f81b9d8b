"""Every page that speaks of the promise names the bound that applies, and why a part may not pass by it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.test import Client

from inspection.models import Product
from mltasks.models import ModelVersion
from tests.labeling.conftest import make_part, make_person, make_product
from tests.tiny_model import MakeVersion
from webapp.bootstrap.groups import make_groups

pytestmark = pytest.mark.django_db
# The part that looks best is cut off by its novelty: the other one must not escape, and good parts are doubtful.
ON_AVERAGE = {
    "lowest": [0.001, 0.002, *[0.03] * 5, *[0.5] * 33],
    "parts": 40,
    "novelty": [0.8, 0.7, *[1.2] * 5, *[0.5] * 33],
    "good": [[0.06, 0.2]] * 20,
}
AVERAGE_NOTE = (
    "On average, at most 5 % of the defective parts pass without review. "
    "For 95 % confidence, label 19 more defective parts."
)


@pytest.fixture
def product() -> Product:
    return make_product()


@pytest.fixture
def version(product: Product, make_version: MakeVersion) -> ModelVersion:
    version = make_version(product, champion=True)
    version.meta = {**version.meta, "escapes": ON_AVERAGE}
    version.save()
    return version


@pytest.fixture
def client() -> Client:
    make_groups(apps.get_app_config("labeling"))
    person = make_person("mia", "admin")
    person.groups.add(Group.objects.get(name="admin"))
    person.is_staff = True
    person.save()
    client = Client()
    client.force_login(person)
    return client


def text_of(client: Client, address: str) -> str:
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).replace("&nbsp;", " ")


@pytest.mark.parametrize("address", ["/", "/models/plate/1/", "/admin/inspection/product/{pk}/change/"])
def test_it_names_the_bound_by_the_products_settings(
    client: Client, version: ModelVersion, product: Product, address: str
) -> None:
    assert AVERAGE_NOTE in text_of(client, address.format(pk=product.pk))
    Product.objects.update(escape_promise=0.2)
    shown = text_of(client, address.format(pk=product.pk))
    assert "With 95 % confidence, at most 20 % of the defective parts pass without review." in shown


def test_the_reports_own_bound_stands_beside_it(client: Client, version: ModelVersion) -> None:
    shown = text_of(client, "/models/plate/1/")
    assert "Not guaranteed yet." in shown
    assert "Label 51 more defective parts to get the guarantee with 95 % confidence. With 11 more it holds" in shown
    assert f"With the product's current settings: {AVERAGE_NOTE}" in shown.replace("&#x27;", "'")


def test_a_version_without_a_curve_says_nothing(client: Client, version: ModelVersion) -> None:
    version.meta = {name: value for name, value in version.meta.items() if name != "escapes"}
    version.save()
    assert "of the defective parts pass" not in text_of(client, "/")
    assert "current settings" not in text_of(client, "/models/plate/1/")


@pytest.mark.parametrize(
    ("novelty", "suspected", "reason", "similarity"),
    [
        (0.85, False, "Too unusual to pass: the novelty is 0.85 times the threshold.", "Less similar to the training"),
        (1.3, True, "Differs from the training parts: the novelty is 1.3 times", "differs from the training parts"),
    ],
)
def test_a_part_says_why_its_novelty_may_not_pass(
    client: Client,
    version: ModelVersion,
    product: Product,
    novelty: float,
    suspected: bool,
    reason: str,
    similarity: str,
) -> None:
    scores: dict[str, Any] = {"defect_probability": 0.01, "reconstruction_error": 0.001, "anomaly_threshold": 0.002}
    routed = {"verdict": "REVIEW", "model_verdict": "PASS", "reasons": ["novel_anomaly"], "model_version": version}
    part = make_part(product, novelty=novelty, novel_defect_suspected=suspected, **scores, **routed)
    shown = text_of(client, f"/inspections/{part.pk}/")
    assert reason in shown and similarity in shown
    assert "Parts pass up to 0.80 times the threshold" in shown
