"""A registered model, a snapshot and runs of the mltasks tests."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from mltasks.models import DatasetSnapshot, RegisteredModel, TrainingRun
from mltasks.snapshots.snapshots import freeze
from tests.tiny_model import PLAIN_CONFIG, labeled_samples


@pytest.fixture
def model(db: None) -> RegisteredModel:
    return RegisteredModel.objects.create(name="plate")


@pytest.fixture
def snapshot(model: RegisteredModel) -> DatasetSnapshot:
    return freeze(model, labeled_samples(), PLAIN_CONFIG)


def make_run(snapshot: DatasetSnapshot, **fields: Any) -> TrainingRun:
    """A waiting run, unless ``fields`` say otherwise."""
    return TrainingRun.objects.create(model=snapshot.model, snapshot=snapshot, config=PLAIN_CONFIG.to_json(), **fields)


@pytest.fixture
def run(snapshot: DatasetSnapshot) -> TrainingRun:
    return make_run(snapshot)


def make_person(name: str, *permissions: str, staff: bool = False) -> User:
    """A user with these permissions of the app."""
    person = User.objects.create_user(name, password="a-long-password", is_staff=staff)
    found = Permission.objects.filter(content_type__app_label="mltasks", codename__in=permissions)
    assert found.count() == len(permissions)
    person.user_permissions.set(found)
    return person
