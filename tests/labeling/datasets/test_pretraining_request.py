"""Teaching a backbone by hand and by command: the images of the product, labeled or not, and its labels to measure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.management import CommandError
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from redis import Redis

from inspection.models import Inspection, Product
from labeling.datasets.pretraining_request import pretrain, stored_images
from mltasks.models import BackboneRun, DatasetSnapshot
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig
from tests.labeling.conftest import command_lines, make_part, make_person, make_product
from tests.labeling.trainable_labels import QUICK_CONFIG, label_drawn_parts
from tests.tiny_model import labeled_samples

SMALL = ["--steps=1", "--batch=2", "--crop=64", "--images=6", "--drawn=2", "--threads=1"]


def store_parts(product: Product, count: int) -> None:
    """Unlabeled parts whose images are on disk."""
    for sample in labeled_samples()[:count]:
        name = str(sample.path.relative_to(Path(settings.MEDIA_ROOT)))
        make_part(product, image_name=name, image_sha256=sample.sha256, roi="0,0,200,200")


def test_it_learns_from_every_stored_image_and_knows_the_labeled_ones(product: Product) -> None:
    label = label_drawn_parts(product)[0]
    Inspection.objects.filter(pk=label.inspection_id).update(part_id="P1")
    make_part(product, part_id="P1", image_sha256="a" * 64, roi="1,2,3,4")
    make_part(product, part_id="P2", image_sha256="b" * 64)
    make_part(make_product("other"))
    found = {one.sha256: one for one in stored_images(product)}
    assert len(found) == 18
    assert found["a" * 64].labeled, "Another image of a labeled part would measure what was learned by heart."
    assert found["a" * 64].roi == "1,2,3,4"
    assert not found["b" * 64].labeled


def test_it_freezes_images_and_labels_and_queues_a_lesson(product: Product, ada: User) -> None:
    label_drawn_parts(product)
    run = pretrain(product, PretrainingConfig(), requested_by=ada)
    assert (run.state, run.requested_by, run.labels_missing, run.saw_labeled) == ("queued", ada, "", True)
    assert run.snapshot is not None
    assert len(run.pictures) == run.config["images"] == run.snapshot.total == 16
    assert "Queued on 16 stored images. Usually this takes about 24 minutes" in run.log


def test_too_few_labels_are_said_and_still_teach(product: Product) -> None:
    store_parts(product, 3)
    run = pretrain(product, PretrainingConfig())
    assert run.snapshot is None
    assert run.labels_missing.endswith("label 4 more good parts and 4 more defective parts.")
    assert not DatasetSnapshot.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_command_teaches_and_its_last_line_says_what_came_of_it() -> None:
    product = make_product()
    Product.objects.update(training_settings=QUICK_CONFIG)
    store_parts(product, 8)
    lines = command_lines("pretrain_backbone", "plate", *SMALL)
    run = BackboneRun.objects.get()
    assert lines[0] == f"Run {run.pk}: 6 stored images, 2 crops, usually about a minute on two cores."
    assert lines[-1].startswith("Kept, but not measured and therefore not used. Training needs 4 different parts")
    assert (run.state, run.enqueued_at, run.path.is_file()) == ("succeeded", None, True)
    assert "backbone_weights are 'random'" in run.log


@pytest.mark.django_db(transaction=True)
def test_the_command_hands_it_to_a_worker_and_takes_up_a_killed_one() -> None:
    broker = Redis.from_url(settings.REDIS_URL)
    broker.delete("training")
    product = make_product()
    Product.objects.update(training_settings=QUICK_CONFIG)
    store_parts(product, 8)
    lines = command_lines("pretrain_backbone", "plate", "--queue", *SMALL)
    run = BackboneRun.objects.get()
    assert lines[-1] == str(run.pk)
    assert (run.state, broker.llen("training")) == ("queued", 1)
    broker.delete("training")
    with pytest.raises(CommandError, match="is already in progress"):
        command_lines("pretrain_backbone", "plate", *SMALL)
    # As a killed process leaves it.
    BackboneRun.objects.update(state="running", attempt=1, lease_token=run.key, lease_expires_at=Now())
    BackboneRun.objects.update(lease_expires_at=Now() + timedelta(seconds=60))
    with pytest.raises(CommandError, match="was killed less than a minute ago"):
        command_lines("pretrain_backbone", "plate", "--resume")
    BackboneRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert command_lines("pretrain_backbone", "plate", "--resume")[-1].startswith("Kept, but not measured")
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("succeeded", 2)


def test_the_command_refuses_in_words(product: Product) -> None:
    for arguments, words in (
        (["none"], "no product 'none'"),
        (["plate"], "no stored images to pretrain on. .* import_images"),
        (["plate", "--steps=0"], "steps must be at least 1"),
        (["plate", "--resume"], "no pretraining run to resume"),
    ):
        with pytest.raises(CommandError, match=words):
            command_lines("pretrain_backbone", *arguments)


def test_it_refuses_at_once_when_no_image_is_on_disk(product: Product) -> None:
    make_part(product)
    with pytest.raises(CommandError, match="No stored image is on disk"):
        command_lines("pretrain_backbone", "plate")
    assert not BackboneRun.objects.exists()


def test_the_page_starts_one_lesson_and_shows_it(client: Client, product: Product, manager: User) -> None:
    store_parts(product, 3)
    client.force_login(manager)
    page = client.get("/models/?product=plate").content.decode()
    assert reverse("pretrain", args=["plate"]) in page
    answer = client.post(reverse("pretrain", args=["plate"]))
    run = BackboneRun.objects.get()
    assert answer["Location"] == reverse("backbone", args=[run.pk])
    assert [str(one) for one in get_messages(answer.wsgi_request)] == [
        "Pretraining run queued: it usually takes about 24 minutes on two cores. Training runs wait until it is done."
    ]
    assert run.requested_by == manager
    shown = client.get(answer["Location"]).content.decode()
    assert "3 stored images, labeled or not" in shown
    assert "label 4 more good parts and 4 more defective parts" in shown
    assert "Waiting for a worker" in client.get(reverse("backbone-live", args=[run.pk])).content.decode()
    assert client.post(reverse("pretrain", args=["plate"]))["Location"] == answer["Location"]
    assert f"Backbone {run.pk}" in client.get(reverse("model-rows", args=["plate"])).content.decode()

    assert client.post(reverse("backbone-retry", args=[run.pk])).status_code == 302
    BackboneRun.objects.update(state="failed", error="The disk was full.")
    assert "Retry run" in client.get(answer["Location"]).content.decode()
    client.post(reverse("backbone-retry", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == "queued"


def test_a_measured_lesson_shows_every_backbone(client: Client, product: Product, ada: User) -> None:
    estimate = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 40}
    evaluation = {
        "candidates": {"new": estimate, "shipped": {**estimate, "value": 0.85}},
        "incumbent": "shipped",
        "repeats": 5,
        "parts": 40,
        "words": "Used from the next training run on: Average precision 0.900 against 0.850.",
    }
    whole = {"state": "succeeded", "file": "plate/x", "sha256": "a" * 64, "adopted": True, "saw_labeled": True}
    run = BackboneRun.objects.create(model=product.registered_model, evaluation=evaluation, **whole)
    client.force_login(ada)
    shown = client.get(reverse("backbone", args=[run.pk])).content.decode()
    assert "In use" in shown
    assert shown.index(">new") < shown.index(">shipped")
    assert "also trained on the measured images" in shown


def test_it_refuses_people_without_the_permission(client: Client, product: Product, ada: User) -> None:
    client.force_login(ada)
    assert "Pretrain the backbone" not in client.get("/models/").content.decode()
    for address in (reverse("pretrain", args=["plate"]), reverse("backbone-retry", args=[1])):
        assert client.post(address).status_code == 403
    assert not BackboneRun.objects.exists()


def test_the_admin_shows_lessons_to_read(client: Client, product: Product) -> None:
    person = make_person("root")
    person.is_staff = True
    person.save()
    words = "Not used: Average precision 0.8 against 0.9."
    run = BackboneRun.objects.create(
        model=product.registered_model, state="succeeded", progress=1, evaluation={"words": words}
    )
    client.force_login(person)
    assert words in client.get(reverse("admin:mltasks_backbonerun_changelist")).content.decode()
    page = client.get(reverse("admin:mltasks_backbonerun_change", args=[run.pk])).content.decode()
    assert reverse("backbone", args=[run.pk]) in page
    assert 'name="_save"' not in page
    assert client.get(reverse("admin:mltasks_backbonerun_add")).status_code == 403
