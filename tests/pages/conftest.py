"""A product with people and real parts, as the pages' tests need them."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Station
from inspection.products.products import create_product
from labeling.models import DefectType
from mltasks.vision.drawing.line import labeled_set
from tests.browser import PHONE
from tests.pages.web_server import WebServer
from webapp.bootstrap.groups import make_groups

# Two busy cores are slow; a test that passes never waits that long.
expect.set_options(timeout=20_000)

Receive = Callable[..., Inspection]
MakePerson = Callable[..., User]


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Images and versions of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.VERSIONS_DIR = tmp_path / "versions"
    cache.clear()
    yield
    cache.clear()


@functools.cache
def photos() -> list[bytes]:
    """Three drawn parts as small JPEGs: good, scratched, with excess material."""
    found = []
    for part in labeled_set(21, good=1, scratch=1, excess=1):
        stream = io.BytesIO()
        part.image.convert("RGB").resize((180, 330), Image.Resampling.BILINEAR).save(stream, format="JPEG")
        found.append(stream.getvalue())
    return found


@pytest.fixture
def product(transactional_db: None) -> Product:
    made = create_product("plate", name="Plate")
    # Nothing is judged twice by chance.
    Product.objects.filter(pk=made.pk).update(second_share=0, repeat_share=0)
    made.refresh_from_db()
    for key, name in (("1", "scratch"), ("2", "excess")):
        DefectType.objects.create(product=made, name=name, key=key)
    return made


@pytest.fixture
def station(product: Product) -> Station:
    return Station.objects.create(product=product, name="line-1")


@pytest.fixture
def receive(station: Station) -> Receive:
    """Return ``receive(part_id)``: a part that came in at the station, with its verdict."""

    def take(part_id: str, number: int = 0, title: str = "") -> Inspection:
        image = io.BytesIO(photos()[number % 3])
        name = title or f"{part_id}.jpg"
        return intake.receive(Submission(image, station.product, station, filename=name, part_id=part_id))

    return take


@pytest.fixture
def phone_page(browser: Browser, live_site: str) -> Iterator[Page]:
    """A page of a fresh context with a phone's screen, on the live site."""
    context = browser.new_context(
        base_url=live_site,
        viewport=PHONE,  # type: ignore[arg-type]
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
        reduced_motion="reduce",
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def web_server(settings: Any, tmp_path: Path, transactional_db: None) -> Iterator[WebServer]:
    """A real web server on the test's rows and images."""
    server = WebServer(Path(settings.MEDIA_ROOT), tmp_path / "web.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make_person(transactional_db: None) -> MakePerson:
    """Return ``make_person(name, group)``."""

    def make(name: str, group: str = "reviewer") -> User:
        # A flushed database has no groups: make them as a migration does.
        make_groups(apps.get_app_config("labeling"))
        person = User.objects.create_user(name, password=f"{name}-and-a-long-password")
        person.groups.add(Group.objects.get(name=group))
        return person

    return make
