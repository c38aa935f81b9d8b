"""The memory bench on tiny versions: it counts products in turn, and fails above its limit."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings

from mltasks.models import RegisteredModel
from tests.tiny_model import MakeVersion


@pytest.mark.slow(10)
@pytest.mark.django_db
def test_products_in_turn_take_no_more_memory_than_the_cache_allows(make_version: MakeVersion) -> None:
    version = make_version(RegisteredModel.objects.create(name="plate"))
    command = [
        sys.executable,
        "-m",
        "webapp.benchmarks",
        "memory",
        str(version.path),
        "--products",
        "6",
        "--rounds",
        "2",
    ]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[1:3]] == ["round 1", "round 2"]
    assert lines[-1].endswith("ok")
    first, second = (int(line.split()[2]) for line in lines[1:3])
    assert second < first + 20, "The second round takes no more than the first"
