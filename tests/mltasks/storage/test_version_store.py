"""A version that machines share: published before its row, fetched where it is missing, refused when it is damaged."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings

from mltasks.models import BackboneRun, ModelVersion, RegisteredModel, TrainingRun
from mltasks.registry import registry, scorers
from mltasks.reports.report_files import public_files
from mltasks.runs import orphaned_files
from mltasks.runs.execution import execute
from mltasks.snapshots.snapshots import freeze
from mltasks.storage import object_store, version_store
from mltasks.storage.store_errors import StoredFileDamaged, StoreUnreachable
from mltasks.training import backbone_choice, training
from mltasks.vision.export import learn
from mltasks.vision.serving import bundle
from tests.mltasks.tiny_version import shrink
from tests.s3 import SharedBucket
from tests.tiny_model import PLAIN_CONFIG, MakeVersion, labeled_samples

WHITE = np.full((PLAIN_CONFIG.height, PLAIN_CONFIG.width, 3), 255, np.uint8)


@pytest.fixture
def version(model: RegisteredModel, make_version: MakeVersion, bucket: SharedBucket) -> ModelVersion:
    """A published version, seen from a machine that lacks it."""
    made = shrink(make_version(model))
    version_store.publish(made.bundle)
    bucket.switch_machine()
    return made


def object_of(version: ModelVersion) -> str:
    return f"versions/{version.bundle}.tar"


def tar_with(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        made.addfile(member)
    return out.getvalue()


def test_a_machine_that_lacks_it_scores_and_promotes_it(version: ModelVersion, bucket: SharedBucket) -> None:
    assert not version.path.exists()
    (scores,) = scorers.get_scorer(version).score([WHITE])
    assert 0 <= scores.defect_probability <= 1
    bundle.verify(version.path, version.sha256)
    assert [path.name for path in version.path.parent.iterdir()] == [version.path.name]
    bucket.make_unreachable()
    assert public_files(version), "Fetched once, it needs no store."
    registry.promote(version, by=None, reason="It is here.")


def test_many_at_once_fetch_it_harmlessly(version: ModelVersion) -> None:
    failed: list[Exception] = []

    def fetch() -> None:
        try:
            version_store.ensure_local(version)
        except (OSError, bundle.BundleCorrupt, StoreUnreachable) as error:
            failed.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    bundle.verify(version.path, version.sha256)
    assert not list((Path(settings.VERSIONS_DIR) / ".fetching").iterdir())


def test_a_missing_object_says_what_to_do(version: ModelVersion, bucket: SharedBucket) -> None:
    bucket.remove(object_of(version))
    with pytest.raises(bundle.BundleCorrupt, match=r"The store has no .*\.tar\. Restore it from a backup"):
        scorers.get_scorer(version)
    assert public_files(version) == []


@pytest.mark.parametrize(
    "content",
    [
        b"no tar",
        tar_with("serving.xml"),
        tar_with("../../outside"),
        tar_with("/outside"),
        tar_with("link", tarfile.SYMTYPE),
        tar_with("link", tarfile.LNKTYPE),
    ],
    ids=["no tar", "other files", "above", "absolute", "link", "hard link"],
)
def test_what_is_not_the_version_is_refused(content: bytes, version: ModelVersion, bucket: SharedBucket) -> None:
    bucket.write(object_of(version), content)
    with pytest.raises(bundle.BundleCorrupt, match=r"is not plate version 1: .* or promote another version"):
        scorers.get_scorer(version)
    below = Path(settings.VERSIONS_DIR)
    assert not [path for path in below.parent.rglob("*") if path.is_file()]


def test_one_changed_byte_is_refused(version: ModelVersion, bucket: SharedBucket) -> None:
    whole = bytearray(bucket.read(object_of(version)))
    whole[len(whole) // 2] ^= 1
    bucket.write(object_of(version), bytes(whole))
    with pytest.raises(bundle.BundleCorrupt, match="is not plate version 1"):
        scorers.get_scorer(version)
    assert not version.path.exists()


def test_a_store_that_is_away_is_no_damage(version: ModelVersion, bucket: SharedBucket) -> None:
    bucket.make_unreachable()
    with pytest.raises(StoreUnreachable):
        scorers.get_scorer(version)
    bucket.make_reachable()
    assert scorers.get_scorer(version).sha256 == version.sha256


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    (tmp_path / "one" / "plots").mkdir(parents=True)
    (tmp_path / "one" / "plots" / "a.svg").write_bytes(b"<svg/>")
    (tmp_path / "one" / "meta.json").write_bytes(b"{}")
    file = io.BytesIO()
    version_store.pack(tmp_path / "one", file)
    file.seek(0)
    version_store.unpack(file, tmp_path / "two")
    assert bundle.digest(tmp_path / "two") == bundle.digest(tmp_path / "one")


@pytest.fixture
def fake_training(learned: learn.LearnedVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training write the session's version instead of learning one of its own."""

    def copied(samples: Any, config: Any, out_dir: Path, progress: Any) -> learn.LearnedVersion:
        assert all(sample.path.is_file() for sample in samples)
        shutil.copytree(learned.bundle_dir, out_dir, copy_function=os.link)
        return replace(learned, bundle_dir=out_dir)

    monkeypatch.setattr(learn, "learn", copied)


def start_training() -> TrainingRun:
    model = RegisteredModel.objects.create(name="plate")
    return training.start(
        freeze(model, labeled_samples(), PLAIN_CONFIG), PLAIN_CONFIG, trigger=TrainingRun.Trigger.COMMAND
    )


@pytest.mark.django_db(transaction=True)
def test_a_training_publishes_its_version_before_the_row(
    bucket: SharedBucket, fake_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[list[str]] = []
    record = training.TrainingExecutor.record

    def watched(*args: Any) -> ModelVersion:
        there.append(bucket.names())
        assert not ModelVersion.objects.exists()
        return record(*args)

    monkeypatch.setattr(training.TrainingExecutor, "record", watched)
    run = start_training()
    for sample in labeled_samples():
        bucket.write(f"trained/{sample.path.name}", sample.path.read_bytes())
    made = execute(training.TrainingExecutor(), run)
    assert object_of(made) in there[0]
    bucket.switch_machine()
    assert scorers.get_scorer(made).sha256 == made.sha256


@pytest.mark.django_db(transaction=True)
def test_a_training_that_cannot_publish_makes_no_version(
    bucket: SharedBucket, fake_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_training()
    monkeypatch.setattr(object_store, "RETRY_PAUSES", ())
    bucket.make_unreachable()  # what it learns from lies in this machine's cache
    with pytest.raises(StoreUnreachable):
        execute(training.TrainingExecutor(), run)
    assert run.state == "failed"
    assert "cannot be reached" in run.error
    assert not ModelVersion.objects.exists()


def test_the_sweep_removes_what_an_attempt_published_in_vain(snapshot: Any, bucket: SharedBucket) -> None:
    run = TrainingRun.objects.create(model=snapshot.model, snapshot=snapshot, state="failed", attempt=1)
    folder = Path(settings.VERSIONS_DIR) / run.bundle_name
    folder.mkdir(parents=True)
    (folder / "meta.json").write_bytes(b"{}")
    version_store.publish(run.bundle_name)
    assert bucket.names() == [f"versions/{run.bundle_name}.tar"]
    assert orphaned_files.remove_orphaned_versions() == 1
    assert bucket.names() == []


def test_a_taught_backbone_is_fetched_by_the_machine_that_trains(model: RegisteredModel, bucket: SharedBucket) -> None:
    sha256 = hashlib.sha256(b"weights").hexdigest()
    run = BackboneRun.objects.create(model=model, state="succeeded", attempt=1, sha256=sha256)
    run.file = run.attempt_file
    run.path.parent.mkdir(parents=True)
    run.path.write_bytes(b"weights")
    object_store.publish(run.file, run.path)
    said = backbone_choice.weights_reference(run)
    bucket.switch_machine()
    here = backbone_choice.local_weights(said)
    assert here == f"{settings.VERSIONS_DIR / run.file}#sha256={sha256}" != said
    assert run.path.read_bytes() == b"weights"
    bucket.switch_machine()
    bucket.write(f"versions/{run.file}", b"changed")
    with pytest.raises(StoredFileDamaged):
        backbone_choice.local_weights(said)
    assert backbone_choice.local_weights("auto") == "auto"
