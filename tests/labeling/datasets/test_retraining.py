"""Retraining by hand and by command: a snapshot of today's labels and a run on it, or neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError
from redis import Redis

from inspection.models import Product
from labeling.datasets.retraining import retrain
from mltasks.models import DatasetSnapshot, ModelVersion, Promotion, TrainingRun
from mltasks.registry import registry
from mltasks.vision.data.splits import NotEnoughLabels
from tests.labeling.conftest import command_lines, make_person, make_product
from tests.labeling.trainable_labels import QUICK_CONFIG, label_drawn_parts
from tests.tiny_model import MakeVersion


def test_it_freezes_the_labels_and_queues_a_run(product: Product, ada: User) -> None:
    label_drawn_parts(product)
    Product.objects.update(training_settings={"max_epochs": 3}, fn_cost=7)
    product.refresh_from_db()
    run = retrain(product, trigger=TrainingRun.Trigger.MANUAL, requested_by=ada)
    assert (run.state, run.trigger, run.requested_by) == ("queued", "manual", ada)
    config = run.train_config()
    assert (config.max_epochs, config.costs.fn, config.backbone) == (3, 7, settings.BACKBONE)
    assert run.snapshot is not None
    (first, *_) = run.snapshot.samples(Path(settings.MEDIA_ROOT))
    assert first.path.exists()


def test_it_refuses_too_few_labels_and_leaves_nothing(product: Product) -> None:
    with pytest.raises(NotEnoughLabels, match="label 4 more good parts and 4 more defective parts"):
        retrain(product, trigger=TrainingRun.Trigger.MANUAL)
    assert not TrainingRun.objects.exists()


def test_it_refuses_settings_that_cannot_work_and_leaves_nothing(product: Product) -> None:
    label_drawn_parts(product)
    product.training_settings = {"max_epoch": 3}
    with pytest.raises(ValueError, match="max_epoch"):
        retrain(product, trigger=TrainingRun.Trigger.MANUAL)
    assert not DatasetSnapshot.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_command_trains_and_its_last_line_is_the_version() -> None:
    product = make_product()
    Product.objects.update(training_settings=QUICK_CONFIG)
    label_drawn_parts(product)
    lines = command_lines("retrain", "plate")
    assert lines[-1] == "1"
    version = ModelVersion.objects.get()
    assert version.run.trigger == "command"
    assert (version.run.state, version.run.enqueued_at) == ("succeeded", None), "No worker was told of it."

    printed = json.loads("\n".join(command_lines("evaluate", "plate", "1")))
    assert printed["version"] == 1
    assert printed["metrics"]["recall"]["n"] == 8


@pytest.mark.django_db(transaction=True)
def test_the_command_hands_it_to_a_worker() -> None:
    broker = Redis.from_url(settings.REDIS_URL)
    broker.delete("training")
    label_drawn_parts(make_product())
    lines = command_lines("retrain", "plate", "--queue")
    run = TrainingRun.objects.get()
    assert lines[-1] == str(run.pk)
    assert run.state == "queued"
    assert run.enqueued_at is not None
    assert broker.llen("training") == 1
    broker.delete("training")


def test_the_commands_refuse_in_words(product: Product) -> None:
    for arguments, words in (
        (["retrain", "none"], "no product 'none'"),
        (["retrain", "plate"], "label 4 more good parts"),
        (["promote", "plate", "1", "--reason", "x"], "'plate' has no version 1"),
        (["evaluate", "plate", "1"], "'plate' has no version 1"),
    ):
        with pytest.raises(CommandError, match=words):
            command_lines(*arguments)


def test_the_command_promotes_as_the_admin_does(product: Product, make_version: MakeVersion) -> None:
    first, second = make_version(product), make_version(product)
    make_person("mia", "quality manager")
    make_person("rob", "reviewer")
    assert command_lines("promote", "plate", "1", "--reason", "First.") == ["Version 1 is champion of plate."]
    with pytest.raises(CommandError, match=r"Replay: .*nothing to replay.* Send parts .*\n.*--override REASON"):
        command_lines("promote", "plate", "2", "--reason", "Better.", "--by", "mia")
    promote = ("promote", "plate", "2", "--reason", "Better.", "--by", "mia")
    (said,) = command_lines(*promote, "--override", "The line has not started.")
    assert said == "Version 2 is champion of plate in place of version 1."
    by = Promotion.objects.latest("pk").by
    assert by is not None
    assert by.username == "mia"
    assert Promotion.objects.latest("pk").override == "The line has not started."
    for arguments, words in (
        (["--reason", "Again."], "champion already"),
        (["--reason", " "], "needs a reason"),
        (["--reason", "x", "--by", "rob"], "rob may not promote"),
        (["--reason", "x", "--by", "nobody"], "no user 'nobody'"),
    ):
        with pytest.raises(CommandError, match=words):
            command_lines("promote", "plate", "2", *arguments)
    assert registry.champion(product.registered_model) == second
    assert first != second
