"""Two versions of a product as rows, and parts that both have scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from inspection.models import Inspection, Product, Replay, Rescore
from inspection.replay import replay_metrics
from mltasks.models import DatasetSnapshot, ModelVersion, Promotion, SnapshotItem, TrainingRun
from mltasks.registry import registry

# By the default costs parts pass up to 0.04, fail from 0.8 on, and are labeled FAIL from 1/6 on.
PASS, UNSURE, FAIL = 0.01, 0.5, 0.95
MakePart = Callable[..., Inspection]


def make_version(product: Product, state: str = "candidate", *, labels: int = 20) -> ModelVersion:
    """A version as rows alone, with a snapshot that says so many labels."""
    model = product.registered_model
    number = model.versions.count() + 1
    snapshot = DatasetSnapshot.objects.create(model=model, number=number, sha256="0" * 64, good=labels, defective=0)
    run = TrainingRun.objects.create(model=model, snapshot=snapshot, state="succeeded")
    return ModelVersion.objects.create(model=model, number=number, run=run, state=state, bundle=f"none-{number}")


@pytest.fixture
def champion(product: Product) -> ModelVersion:
    version = make_version(product, "champion")
    Promotion.objects.create(model=version.model, version=version, reason="The first.")
    return version


@pytest.fixture
def candidate(champion: ModelVersion, product: Product) -> ModelVersion:
    return make_version(product)


@pytest.fixture
def make_decided_part(product: Product, champion: ModelVersion, candidate: ModelVersion) -> MakePart:
    """Make a decided part: the champion's probability, the candidate's (None: not scored), and what people say."""

    def make(theirs: float, ours: float | None, person: str | None = None, **fields: Any) -> Inspection:
        sha256 = hashlib.sha256(uuid4().bytes).hexdigest()
        image = {"image_name": f"{sha256}.jpg", "image_sha256": sha256, "image_format": "JPEG"}
        size = {"image_width": 64, "image_height": 64, "image_bytes": 1000}
        said = {
            "verdict": "REVIEW",
            "model_verdict": "FAIL" if theirs >= 1 / 6 else "PASS",
            "defect_probability": theirs,
        }
        defaults = {
            **image,
            **size,
            **said,
            "state": "decided",
            "inclusion_probability": 1.0,
            "novel_defect_suspected": False,
        }
        found = Inspection.objects.create(
            product=product, model_version=champion, human_verdict=person, **{**defaults, **fields}
        )
        if ours is not None:
            make_rescore(candidate, found, ours)
        return found

    return make


def make_rescore(
    version: ModelVersion, make_decided_part: Inspection, probability: float, source: str = "replay"
) -> Rescore:
    verdict = "PASS" if probability <= 0.04 else "FAIL" if probability >= 0.8 else "REVIEW"
    return Rescore.objects.create(
        inspection=make_decided_part,
        version=version,
        source=source,
        verdict=verdict,
        model_verdict="FAIL" if probability >= 1 / 6 else "PASS",
        defect_probability=probability,
        novelty=0.5,
        novel_defect_suspected=False,
    )


def add_to_snapshot(
    version: ModelVersion, make_decided_part: Inspection, split: str = "fold-0", group: str = ""
) -> None:
    """Note that the version's snapshot holds the part."""
    SnapshotItem.objects.create(
        snapshot=version.run.snapshot,
        image_name=make_decided_part.image_name,
        image_sha256=make_decided_part.image_sha256,
        title=str(make_decided_part),
        target=int(make_decided_part.human_verdict == "FAIL"),
        group=group or make_decided_part.image_sha256,
        split=split,
    )


def make_finished_replay(candidate: ModelVersion, *parts: Inspection, **fields: Any) -> Replay:
    """A finished replay of these parts, all of which are scored."""
    product = Product.objects.get(registered_model=candidate.model_id)
    row = Replay.objects.create(
        product=product,
        candidate=candidate,
        champion=registry.champion(candidate.model),
        parts=[part.pk for part in parts],
        **fields,
    )
    row.figures = replay_metrics.compute(row)
    row.state, row.finished_at = Replay.State.SUCCEEDED, timezone.now()
    row.save()
    return row


def make_person(name: str, *permissions: str) -> User:
    person = User.objects.create_user(name)
    found = Permission.objects.filter(codename__in=permissions)
    assert found.count() == len(permissions)
    person.user_permissions.set(found)
    return person
