"""First impressions: the product with work for them, the way to the others, logins, a training that runs."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from inspection.models import Product
from labeling.queue.queue import claim_part
from labeling.review import review
from mltasks.models import TrainingRun
from tests.labeling.conftest import make_part, make_person, make_product
from webapp.config import credentials
from webapp.supervisor.console import Console
from webapp.supervisor.welcome import Welcome


@pytest.fixture
def ada(db: None) -> User:
    return make_person("ada")


@pytest.fixture
def products(db: None) -> tuple[Product, Product]:
    """Axle, for which nothing waits, and plate, for which two parts wait."""
    axle, plate = make_product("axle"), make_product("plate")
    for _ in range(2):
        make_part(plate)
    return axle, plate


def test_it_begins_with_the_product_that_has_most_waiting(
    client: Client, ada: User, products: tuple[Product, Product]
) -> None:
    client.force_login(ada)
    for page in ("/review/", "/", "/inspections/"):
        assert client.get(page).context["product"] == products[1]
    claim = claim_part(make_part(products[0]), reviewer=ada)
    review.resolve(claim, verdict="PASS")
    for _ in range(5):
        make_part(products[0])
    assert client.get("/review/").context["product"] == products[1], "It stays while the session lasts."
    assert client.get("/review/?product=axle").context["product"] == products[0]
    assert client.get("/").context["product"] == products[0]


@pytest.mark.parametrize("page", ["/review/", "/review/plain/", "/"])
def test_where_nothing_waits_it_links_the_products_that_have_work(
    client: Client, ada: User, products: tuple[Product, Product], page: str
) -> None:
    client.force_login(ada)
    shown = client.get(page, {"product": "axle"}).content.decode()
    assert '<a href="' in shown and '?product=plate">Plate</a>: <strong>2</strong> waiting' in shown
    state = client.post("/review/held/", {"product": "axle"}).json()
    assert state["elsewhere"] == {"axle": 0, "plate": 2}


@pytest.mark.parametrize(
    "page", ["/", "/review/", "/review/plain/", "/inspections/", "/defect-types/", "/models/", "/reviewers/"]
)
def test_it_refuses_an_unknown_product(client: Client, products: tuple[Product, Product], page: str) -> None:
    client.force_login(make_person("mia", "quality manager"))
    refused = client.get(page, {"product": "no-such"})
    assert refused.status_code == 404
    assert "There is no page at this address" in refused.content.decode()


def test_the_dashboard_says_that_the_first_training_runs(
    client: Client, ada: User, products: tuple[Product, Product]
) -> None:
    client.force_login(ada)
    assert "Label 20 parts" in client.get("/?product=axle").content.decode()
    begun = timezone.now() - timedelta(minutes=4, seconds=10)
    fields = {"state": TrainingRun.State.RUNNING, "progress": 0.4, "started_at": begun}
    run = TrainingRun.objects.create(model=products[0].registered_model, **fields)
    shown = client.get("/").content.decode()
    assert "Label 20 parts" not in shown
    assert f'<a href="/models/run-{run.pk}/">The first training run is in progress</a>' in shown
    assert "40 % done, about 6 minutes left." in shown.replace("\N{NO-BREAK SPACE}", " ")


def supervisor_output(var: Path, **fields: object) -> str:
    """Return the lines that the supervisor prints once the web server answers."""
    stream = io.StringIO()
    welcome = Welcome(1, var, Console(var / "up.log", stream), **fields)  # type: ignore[arg-type]
    welcome._answers = lambda: True  # type: ignore[method-assign]
    for _ in range(2):
        welcome.print_when_ready()
    return stream.getvalue()


def test_logins_are_printed_with_the_addresses(tmp_path: Path) -> None:
    for name in ("admin", "reviewer", "manager"):
        credentials.save_login(tmp_path, name, f"word-of-{name}")
    first = supervisor_output(tmp_path, demo=credentials.DEMO_USERS)
    assert first.count("Second Look is up") == 1
    assert all(f"word-of-{name}" in first[first.index("is up") :] for name in ("admin", "reviewer", "manager"))
    later = supervisor_output(tmp_path, printed_logins={"admin", "reviewer", "manager"}, demo=credentials.DEMO_USERS)
    assert "word-of-admin" not in later, "The admin's is printed once."
    assert "word-of-reviewer" in later


def test_the_banner_waits_for_the_demos_people(tmp_path: Path) -> None:
    assert supervisor_output(tmp_path, demo=credentials.DEMO_USERS) == ""
    assert "is up" in supervisor_output(tmp_path)
