"""Products, stations and senders of the inspection tests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inspection.images import thumbnail_queue
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Station
from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.inspection.sample_images import jpeg

POST_URL = "/api/v1/inspections/"
Receive = Callable[..., Inspection]


@pytest.fixture(autouse=True)
def own_addresses_and_folders(settings: Any, tmp_path: Path) -> Iterator[None]:
    """This floor's addresses only, and folders of the test's own."""
    settings.ROOT_URLCONF = "tests.inspection.urls"
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.VERSIONS_DIR = tmp_path / "versions"
    cache.clear()
    yield
    cache.clear()
    # Before the next test has folders of its own
    thumbnail_queue.background_thumbnails.drain()


class Sender:
    """A camera station with its key."""

    def __init__(self, station: Station, key: str) -> None:
        self.station = station
        self.key = key
        self.client = Client()
        self.headers = {"Authorization": f"Api-Key {key}"}

    def send(
        self,
        content: bytes | None = None,
        *,
        path: str = POST_URL,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> Any:
        """POST an image as a multipart form."""
        image = SimpleUploadedFile("part.jpg", jpeg() if content is None else content, "image/jpeg")
        return self.client.post(path, {"file": image, **fields}, headers=self.headers | (headers or {}))

    def get(self, path: str, **options: Any) -> Any:
        """GET with the key."""
        return self.client.get(path, headers=self.headers | options.pop("headers", {}), **options)


@pytest.fixture
def product(db: None) -> Product:
    return create_product("phone-case")


@pytest.fixture
def sender(product: Product) -> Sender:
    return Sender(*create_station(product, "line-1"))


@pytest.fixture
def station(sender: Sender) -> Station:
    return sender.station


@pytest.fixture
def receive(station: Station) -> Receive:
    """Intake without HTTP."""

    def call(content: bytes | None = None, **options: Any) -> Inspection:
        owner = {} if "product" in options else {"product": station.product, "station": station}
        image = io.BytesIO(jpeg() if content is None else content)
        return intake.receive(Submission(image, **owner, **options))

    return call


@pytest.fixture
def viewer(db: None) -> Client:
    """A logged-in person who may view inspections."""
    user = User.objects.create_user("viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_inspection"))
    client = Client()
    client.force_login(user)
    return client


def error_of(response: Any) -> tuple[int, str]:
    """Status and code, once it is sure that the answer is an error of the contract."""
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body["detail"]
    assert "Traceback" not in str(body)
    return response.status_code, body["code"]
