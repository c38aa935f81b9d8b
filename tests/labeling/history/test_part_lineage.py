"""Where a verdict comes from and what labels taught, over REST and on the part's page; nothing for who judges it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from inspection.models import Inspection, Product
from inspection.products.stations import create_station
from labeling.datasets.datasets import samples, take_snapshot
from labeling.datasets.defect_type_service import add_type
from labeling.history import part_lineage
from labeling.models import Label
from labeling.queue import queue
from labeling.review import review
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import registry
from mltasks.snapshots.snapshots import freeze
from tests.labeling.conftest import make_part
from tests.labeling.rechecks.blind_reviews import review_part
from tests.labeling.trainable_labels import label_drawn_parts
from tests.tiny_model import PLAIN_CONFIG, MakeVersion

SCORES = {"model_verdict": "PASS", "defect_probability": 0.14, "reconstruction_error": 0.5, "anomaly_threshold": 1.0}


pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def imported_label(product: Product) -> Label:
    """The label of a drawn scratch, among those of all drawn parts."""
    add_type(product, name="scratch", key="1")
    return next(
        label for label in label_drawn_parts(product) if label.inspection.original_filename.startswith("scratch")
    )


@pytest.fixture
def first_version(product: Product, imported_label: Label, make_version: MakeVersion, manager: User) -> ModelVersion:
    """Version 1, champion, which learned the drawn parts from snapshot 1."""
    version = make_version(product)
    registry.promote(version, by=manager, reason="The first one.")
    return version


@pytest.fixture
def part(product: Product, imported_label: Label, first_version: ModelVersion) -> Inspection:
    """The scratch again, as a camera sent it and version 1 decided it."""
    image = imported_label.inspection
    return make_part(
        product,
        image_name=image.image_name,
        image_sha256=image.image_sha256,
        original_filename="again.jpg",
        model_version=first_version,
        decided_at=timezone.now(),
        **SCORES,
    )


@pytest.fixture
def label(part: Inspection, ada: User) -> Label:
    """What ada said of it."""
    return review_part(part, ada, "FAIL", defect_type="scratch")


@pytest.fixture
def second_version(product: Product, label: Label, make_version: MakeVersion, manager: User) -> ModelVersion:
    """Version 2, which learned ada's label from snapshot 2 and took the place of version 1."""
    snapshot = take_snapshot(product)
    version = make_version(product)
    TrainingRun.objects.filter(pk=version.run_id).update(snapshot=snapshot)
    registry.promote(version, by=manager, reason="Finds more.", override="No part came since.")
    return version


def lineage_json(part: Inspection, person: User) -> dict[str, Any]:
    client = APIClient()
    client.force_authenticate(person)
    found: dict[str, Any] = client.get(f"/api/v1/inspections/{part.pk}/lineage/").json()
    return found


def lineage_html(part: Inspection, person: User) -> str:
    """The section of the part's page."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    text = client.get(f"/inspections/{part.pk}/").content.decode()
    return " ".join(text[text.index("lineage-title") : text.index("</main>")].split())


def test_the_chain_leads_from_the_verdict_to_the_seed(
    part: Inspection, first_version: ModelVersion, second_version: ModelVersion, ada: User
) -> None:
    found = lineage_json(part, ada)
    assert (found["verdict"]["verdict"], found["verdict"]["defect_probability"]) == ("REVIEW", 0.14)
    assert (found["counts"]["verdict"], found["counts"]["defect_type"], found["counts"]["by"]) == (
        "FAIL",
        "scratch",
        "ada",
    )
    version = found["version"]
    assert (version["number"], version["state"]) == (1, "retired")
    then = version["promotion"]
    assert (then["by"], then["reason"], then["was_champion"]) == ("mia", "The first one.", True)
    assert then["replaced_by"] == 2
    origin, snapshot = version["lineage"], first_version.run.snapshot
    assert snapshot is not None
    assert origin["snapshot"]["sha256"] == snapshot.sha256
    assert (origin["seed"], origin["code"]) == (PLAIN_CONFIG.seed, first_version.meta["code"])
    section = lineage_html(part, ada)
    places = ("1/", "1/card/", "snapshot-1/", f"run-{first_version.run_id}/", "snapshot-2/", "2/")
    for place in places:
        assert f"/models/{'' if place.startswith('run') else 'plate/'}{place}" in section
    assert "by mia" in section and snapshot.sha256 in section and f"seed {PLAIN_CONFIG.seed}" in section


def test_each_label_names_the_versions_it_taught(
    part: Inspection, imported_label: Label, label: Label, second_version: ModelVersion, ada: User
) -> None:
    found = lineage_json(part, ada)
    taught = {
        one["id"]: [(snap["snapshot"], [v["number"] for v in snap["versions"]]) for snap in one["taught"]]
        for one in found["labels"]
    }
    # Snapshot 3 came from the drawn parts themselves, as `make_version` takes it, and taught nothing.
    assert taught == {imported_label.pk: [(1, [1])], label.pk: [(2, [2]), (3, [])]}
    assert [one["counts"] for one in found["labels"]] == [False, True]
    frozen = {one["number"]: one for one in found["snapshots"]}
    assert (frozen[2]["verdict"], frozen[2]["defect_type"], frozen[2]["since"]) == ("FAIL", "scratch", "same")
    assert frozen[2]["split"].startswith("fold-") and "cross-validation" in frozen[2]["split_words"]


def test_what_became_of_a_frozen_label_since_is_told(
    part: Inspection, imported_label: Label, label: Label, second_version: ModelVersion, ada: User, manager: User
) -> None:
    def since() -> list[str]:
        return [one["since"] for one in part_lineage.build_part_lineage(part)["snapshots"]]

    assert since() == ["confirmed", "same", "same"]
    assert "Snapshot 2 has this image as" not in lineage_html(part, ada)
    corrected = review.correct(part, by=manager, verdict="PASS")
    assert since() == ["corrected"] * 3
    section = lineage_html(part, ada)
    assert "Snapshot 2 has this image as FAIL. The label was corrected later. The standing label is PASS." in section
    assert 'Trained on the snapshot: <a href="/models/plate/2/">' in section
    review.undo(corrected, by=manager)
    assert since() == ["confirmed", "same", "same"]
    add_type(part.product, name="dent", key="2")
    dent = review.correct(part, by=manager, verdict="FAIL", defect_type="dent")
    assert since() == ["type"] * 3
    for one in (dent, label, imported_label):
        review.undo(one, by=manager)
    assert since() == ["withdrawn"] * 3
    assert "That label was undone later. The image has no label now." in lineage_html(part, ada)


def test_a_word_that_came_while_it_was_frozen_is_not_taken_for_what_was(
    part: Inspection, label: Label, product: Product, manager: User
) -> None:
    read = samples(product)
    late = review.correct(part, by=manager, verdict="PASS")
    freeze(product.registered_model, read, PLAIN_CONFIG)
    newest = part_lineage.build_part_lineage(part)["snapshots"][-1]
    assert (newest["verdict"], newest["label"], newest["since"]) == ("FAIL", label.pk, "corrected")
    assert newest["today"]["id"] == late.pk


def test_who_judges_the_image_reads_nothing_of_its_labels(
    part: Inspection, imported_label: Label, second_version: ModelVersion, ada: User, bob: User
) -> None:
    assert lineage_json(part, bob)["labels"]
    twin = make_part(part.product, image_sha256=part.image_sha256, image_name=part.image_name)
    queue.claim_part(twin, reviewer=bob)
    for one in (part, imported_label.inspection):
        found = lineage_json(one, bob)
        assert found["hidden"] is True
        assert (found["counts"], found["labels"], found["snapshots"]) == (None, [], [])
        section = lineage_html(one, bob)
        assert "shown after your verdict" in section
        assert "FAIL" not in section and "scratch" not in section and "Versions trained on its labels" not in section
    assert lineage_json(part, bob)["version"]["number"] == 1, "a version is no label"
    assert lineage_json(part, ada)["labels"], "others read on"


def test_doors_refuse_strangers_and_stations(part: Inspection, product: Product, ada: User) -> None:
    address = f"/api/v1/inspections/{part.pk}/lineage/"
    client = APIClient()
    assert client.get(address).status_code == 401
    key = create_station(product, "line-1")[1]
    assert client.get(address, HTTP_AUTHORIZATION=f"Api-Key {key}").status_code == 401
    client.force_authenticate(User.objects.create_user("eve"))
    assert client.get(address).status_code == 403
    client.force_authenticate(ada)
    assert client.get("/api/v1/inspections/nonsense/lineage/").status_code == 404
    assert client.get(f"/api/v1/inspections/{product.registered_model_id:032x}/lineage/").status_code == 404


def test_a_part_without_version_or_label_has_a_lineage(product: Product, ada: User) -> None:
    part = make_part(product, reasons=["no_model"])
    found = lineage_json(part, ada)
    assert (found["version"], found["counts"], found["snapshots"]) == (None, None, [])
    assert "No label yet." in lineage_html(part, ada)


def test_it_asks_the_database_little(
    part: Inspection, second_version: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    known = Inspection.objects.select_related("product__registered_model", "model_version").get(pk=part.pk)
    with django_assert_max_num_queries(7):
        assert len(part_lineage.build_part_lineage(known)["snapshots"]) == 3
