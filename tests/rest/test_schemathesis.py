"""Schemathesis against a live server: all its checks over the whole schema, as an admin and as a station."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Station
from inspection.products.products import create_product
from inspection.products.stations import create_station
from labeling.queue import queue
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow(50), pytest.mark.timeout(900)]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# About 30 on an idle machine with two cores
MOST_SECONDS = 400


@pytest.fixture
def station(make_version: MakeVersion, settings: Any, tmp_path: Path) -> tuple[Station, str]:
    """A station with its key, of a product with a champion."""
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"
    product = create_product("plate")
    station, key = create_station(product, "line-1")
    make_version(product, champion=True)
    return station, key


def run(url: str, folder: Path, authorization: str, part: Inspection, claim: object, *options: str) -> None:
    """Run all checks in all phases, with the part and the claim where an address has a place for them."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")]
    places = {"INSPECTION": str(part.pk), "CLAIM": str(claim)}
    environment = {
        **os.environ,
        **places,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.rest.schemathesis_hooks",
    }
    arguments = [
        "run",
        f"{url}/api/schema/",
        "--header",
        f"Authorization: {authorization}",
        "--checks",
        "all",
        *options,
    ]
    done = subprocess.run(
        [*command, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    # A line may hold a whole image.
    output = "\n".join(line[:400] for line in done.stdout.splitlines())
    assert done.returncode == 0, output[-20_000:] + done.stderr[-2_000:]
    assert "Stateful (in" in done.stdout, "All phases ran."


def test_all_checks_hold_for_an_admin(live_server: Any, station: tuple[Station, str], tmp_path: Path) -> None:
    person = User.objects.create_superuser("root")
    part = intake.receive(Submission(io.BytesIO(jpeg()), station[0].product, station[0]))
    claim = queue.claim(reviewer=person)
    token = Token.objects.create(user=person).key
    run(live_server.url, tmp_path, f"Token {token}", part, claim.pk if claim else uuid4())


def test_all_checks_hold_for_a_station(live_server: Any, station: tuple[Station, str], tmp_path: Path) -> None:
    part = intake.receive(Submission(io.BytesIO(jpeg()), station[0].product, station[0]))
    run(live_server.url, tmp_path, f"Api-Key {station[1]}", part, uuid4(), "--include-tag", "inspections")
