"""Cursors that were made by hand: refused, on every list."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.labeling.conftest import make_part, make_product

pytestmark = pytest.mark.django_db
LISTS = {"/api/v1/inspections/": 400, "/api/v1/models/plate/versions/": 404, "/api/v1/models/plate/runs/": 404}
BAD = ["p=yesterday", "p=%00", "p=2026-13-45T00:00:00Z", "o=" + "9" * 5000, "o=-1", "p=5"]
FAR = ["p=9999-12-31T23:59:59-14:00", "p=0001-01-01T00:00:00%2B14:00", "o=" + "9" * 30, "r=1&p=2026-01-01T00:00:00Z"]


@pytest.mark.parametrize(("path", "status"), LISTS.items())
def test_it_refuses_a_cursor_that_is_none(path: str, status: int) -> None:
    make_part(make_product())
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    for text in BAD:
        cursor = quote(b64encode(text.encode()))
        assert client.get(f"{path}?cursor={cursor}").status_code == status, text
    for text in FAR:
        cursor = quote(b64encode(text.encode()))
        assert client.get(f"{path}?cursor={cursor}").status_code in (200, status), text
