"""Products, people and waiting parts of the labeling tests."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from inspection.models import Inspection, Product, Verdict
from mltasks.models import RegisteredModel

MakePart = Callable[..., Inspection]


def make_product(slug: str = "plate", **fields: Any) -> Product:
    """A product of which nothing is judged twice, unless ``fields`` say otherwise."""
    model = RegisteredModel.objects.create(name=slug)
    shares = {"second_share": 0, "repeat_share": 0}
    return Product.objects.create(slug=slug, name=slug.title(), registered_model=model, **{**shares, **fields})


def make_part(product: Product, **fields: Any) -> Inspection:
    """A stored part that waits for a person, unless ``fields`` say otherwise."""
    made = unsaved_part(product, **fields)
    made.save(force_insert=True)
    return made


def unsaved_part(product: Product, **fields: Any) -> Inspection:
    """As ``make_part``, for many to be stored at once."""
    sha256 = hashlib.sha256(uuid4().bytes).hexdigest()
    defaults: dict[str, Any] = {
        "image_name": f"{sha256}.jpg",
        "image_sha256": sha256,
        "image_format": "JPEG",
        "image_width": 64,
        "image_height": 64,
        "image_bytes": 1000,
        "state": Inspection.State.DECIDED,
        "verdict": Verdict.REVIEW,
    }
    return Inspection(product=product, **{**defaults, **fields})


def command_lines(*arguments: str) -> list[str]:
    """The lines that a command prints."""
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().splitlines()


def make_person(name: str, group: str = "reviewer") -> User:
    person = User.objects.create_user(name)
    # Tests that flush the database leave no groups behind: make them as a migration does.
    if not Group.objects.filter(name=group).exists():
        from django.apps import apps

        from webapp.bootstrap.groups import make_groups

        make_groups(apps.get_app_config("labeling"))
    person.groups.add(Group.objects.get(name=group))
    return person


@pytest.fixture
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Images and versions of one test alone."""
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"


@pytest.fixture
def product(db: None) -> Product:
    return make_product()


@pytest.fixture
def part(product: Product) -> Inspection:
    return make_part(product)


@pytest.fixture
def ada(db: None) -> User:
    return make_person("ada")


@pytest.fixture
def bob(db: None) -> User:
    return make_person("bob")


@pytest.fixture
def manager(db: None) -> User:
    return make_person("mia", "quality manager")
