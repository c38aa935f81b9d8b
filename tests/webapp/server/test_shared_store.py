"""A shared bucket as an operator and a load balancer see it."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from inspection.images import image_files, mask_files
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.products.products import create_product
from labeling.models import Label
from mltasks.models.mask_names import mask_name
from mltasks.registry import scorers
from mltasks.storage import version_store
from tests.inspection.sample_images import jpeg
from tests.s3 import SharedBucket
from tests.tiny_model import MakeVersion
from webapp.health import readiness

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def failing_parts(client: Client) -> dict[str, str]:
    body = client.get("/readyz").json()
    return {name: body["parts"][name] for name in body["failing"]}


def test_readyz_knows_the_store(client: Client, bucket: SharedBucket) -> None:
    assert client.get("/readyz").json()["parts"] == {"database": "ok", "disk": "ok", "store": "ok"}


def test_readyz_names_a_store_that_is_away(client: Client, bucket: SharedBucket) -> None:
    bucket.make_unreachable()
    (said,) = failing_parts(client).values()
    assert bucket.name in said
    assert "cannot be reached" in said


def test_readyz_does_not_wait_for_a_store_that_is_silent(
    client: Client, bucket: SharedBucket, silent_server: str
) -> None:
    bucket.set_address(silent_server)
    begun = time.monotonic()
    assert list(failing_parts(client)) == ["store"]
    assert time.monotonic() - begun < 4.5


def test_readyz_names_a_bucket_that_nobody_made(client: Client, bucket: SharedBucket) -> None:
    bucket.name = "look-nobody-made-this"
    bucket.make_reachable()
    assert "There is no bucket look-nobody-made-this" in failing_parts(client)["store"]


@pytest.mark.slow
def test_a_new_machine_is_ready_once_it_has_fetched_the_champion(
    client: Client, bucket: SharedBucket, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(create_product("phone-case"), champion=True)
    version_store.publish(version.bundle)
    bucket.switch_machine()
    monkeypatch.setattr(readiness, "FETCH_WAIT_SECONDS", 0.0)
    assert failing_parts(client) == {"champion:phone-case": "version 1 is being fetched from the store"}
    monkeypatch.setattr(readiness, "FETCH_WAIT_SECONDS", 60.0)
    assert failing_parts(client) == {}
    assert version.path.is_dir()


@pytest.mark.slow
def test_readyz_names_a_champion_that_the_store_lost(
    client: Client, bucket: SharedBucket, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version(create_product("phone-case"), champion=True)
    monkeypatch.setattr(readiness, "FETCH_WAIT_SECONDS", 60.0)
    bucket.switch_machine()
    for _ in range(2):
        assert "The store has no" in failing_parts(client)["champion:phone-case"]


@pytest.mark.slow
def test_an_installation_moves_into_a_bucket(
    client: Client, bucket: SharedBucket, make_version: MakeVersion, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_STORE = "local"
    product = create_product("phone-case")
    version = make_version(product, champion=True)
    part = intake.receive(Submission(io.BytesIO(jpeg()), product))
    sha256 = mask_files.store_mask(b"a mask")
    Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.IMPORT, mask_sha256=sha256)
    settings.MEDIA_STORE = "s3"
    for _ in range(2):
        call_command("fill_store")
    assert set(bucket.names()) == {part.image_name, mask_name(sha256), f"versions/{version.bundle}.tar"}
    bucket.write(f"versions/{version.bundle}.tar", b"damaged")
    call_command("fill_store", replace=True)
    bucket.switch_machine()
    assert image_files.open_image(part).read() == jpeg()
    assert scorers.get_scorer(version).sha256 == version.sha256


def test_there_is_nothing_to_fill_without_a_bucket() -> None:
    with pytest.raises(CommandError, match="MEDIA_STORE=s3"):
        call_command("fill_store")


def test_a_page_says_that_the_store_is_away(
    admin_client: Client, bucket: SharedBucket, make_version: MakeVersion
) -> None:
    version = make_version(create_product("phone-case"))
    bucket.switch_machine()
    bucket.make_unreachable()
    address = reverse("version-promotion", args=[version.model.name, version.number])
    response = admin_client.post(address, {"reason": "Better.", "champion": 0})
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "The image store cannot be reached" in response.content.decode()
    version.refresh_from_db()
    assert version.state == version.State.CANDIDATE
