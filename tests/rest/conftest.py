"""Clients of the REST API."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def client() -> Client:
    """A client who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client
