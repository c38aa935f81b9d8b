"""A version is held against its rows: each file, each label, each image, and what its snapshot teaches again."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pgtrigger
import pytest
from django.core.management import CommandError, call_command

from mltasks.models import ModelVersion, RegisteredModel, SnapshotItem, TrainingRun, Verification
from mltasks.storage import object_store
from mltasks.training.verification import Finding, _retraining_config, verify
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving import bundle
from mltasks.vision.train_config import TrainConfig
from tests.tiny_model import MakeVersion, replace_file


@pytest.fixture
def version(model: RegisteredModel, make_version: MakeVersion) -> ModelVersion:
    return make_version(model)


def findings_by_subject(findings: Iterator[Finding]) -> dict[str, Finding]:
    """Findings by what they are about."""
    return {finding.check: finding for finding in findings}


def test_a_changed_byte_of_a_file_is_named(version: ModelVersion) -> None:
    weights = version.path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    replace_file(weights, bytes(content))

    found = findings_by_subject(verify(version))
    assert not found["files"].passed and "model.safetensors" in found["files"].text
    assert found["snapshot"].passed and found["images"].passed
    assert "weights" not in found, "What is damaged is not worth learning again."


def test_a_changed_label_is_named(version: ModelVersion) -> None:
    assert version.run.snapshot is not None
    item = version.run.snapshot.items.order_by("pk")[5]
    with pgtrigger.ignore("mltasks.SnapshotItem:snapshot_item_is_immutable"):
        SnapshotItem.objects.filter(pk=item.pk).update(target=1 - item.target)

    found = findings_by_subject(verify(version))
    assert not found["snapshot"].passed and item.title in found["snapshot"].text
    assert found["files"].passed and "weights" not in found


def test_a_changed_image_is_named(version: ModelVersion) -> None:
    assert version.run.snapshot is not None
    item = version.run.snapshot.items.order_by("pk")[3]
    image = object_store.root() / item.image_name
    image.write_bytes(image.read_bytes()[:-1] + b"?")

    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 3 checks failed"):
        call_command("verify_version", "plate", "1", "--hashes-only", stdout=out, stderr=io.StringIO())
    assert "passed  files" in out.getvalue() and "FAILED  images" in out.getvalue() and item.title in out.getvalue()


@pytest.fixture
def second_training(learned: LearnedVersion, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What a second training comes to, without one: the version itself, unless a test says otherwise. A real one is in
    `test_verifying_runs`."""
    report, meta = {"metrics": dict(learned.report["metrics"])}, dict(learned.meta)
    found = SimpleNamespace(report=report, meta=meta, weights=None)

    def learn(samples: Any, config: Any, folder: Path, progress: Any) -> SimpleNamespace:
        shutil.copytree(learned.bundle_dir, folder)
        if found.weights:
            (folder / bundle.WEIGHTS).write_bytes(found.weights)
            bundle.write_json(folder / bundle.MANIFEST, bundle.file_hashes(folder))
        return found

    monkeypatch.setattr("mltasks.vision.export.learn.learn", learn)
    return found


def test_the_command_tells_each_finding(version: ModelVersion, second_training: SimpleNamespace) -> None:
    out = io.StringIO()
    call_command("verify_version", "plate", "1", stdout=out, stderr=io.StringIO())

    lines = out.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines[:5]] == [
        f"passed  {what}" for what in ("files", "snapshot", "images", "weights", "figures")
    ]
    assert "bit for bit" in lines[3] and "to the last digit" in lines[4]
    assert lines[-1] == "plate version 1 passed its verification."
    assert Verification.objects.get().learned_again


def test_other_weights_by_the_same_code_are_a_fault(version: ModelVersion, second_training: SimpleNamespace) -> None:
    second_training.weights = b"others"

    found = findings_by_subject(verify(version))
    assert (
        not found["weights"].passed
        and "different weights, although machine, libraries and code are the same" in found["weights"].text
    )


def test_another_machine_is_held_to_the_figures(version: ModelVersion, second_training: SimpleNamespace) -> None:
    second_training.weights = b"others"
    here = second_training.meta["compute"]["instructions"]
    second_training.meta["compute"] = {**second_training.meta["compute"], "instructions": f"other than {here}"}
    auroc = second_training.report["metrics"]["auroc"]
    second_training.report["metrics"]["auroc"] = {**auroc, "value": auroc["value"] + 0.02}

    found = findings_by_subject(verify(version))
    assert found["weights"].passed and "compute instructions" in found["weights"].text
    assert found["figures"].passed

    second_training.report["metrics"]["auroc"] = {**auroc, "value": auroc["value"] + 0.04}
    assert not findings_by_subject(verify(version))["figures"].passed


def test_a_later_program_is_not_held_to_the_figures(version: ModelVersion, second_training: SimpleNamespace) -> None:
    second_training.meta["code"] = {**second_training.meta["code"], "sha256": "0" * 64}
    auroc = second_training.report["metrics"]["auroc"]
    second_training.report["metrics"]["auroc"] = {**auroc, "value": auroc["value"] + 0.2}

    found = findings_by_subject(verify(version))
    assert found["other_code"].passed and found["other_code"].text.endswith("Not required of other code.")
    assert "figures" not in found


def test_the_same_machine_is_held_to_the_last_digit(version: ModelVersion, second_training: SimpleNamespace) -> None:
    auroc = second_training.report["metrics"]["auroc"]
    second_training.report["metrics"]["auroc"] = {**auroc, "value": auroc["value"] + 1e-9}

    assert not findings_by_subject(verify(version))["figures"].passed


@pytest.mark.django_db
def test_an_unknown_version_is_told() -> None:
    with pytest.raises(CommandError, match="has no version 7"):
        call_command("verify_version", "plate", "7")


def test_a_retraining_takes_the_size_and_scores_that_a_time_budget_chose() -> None:
    asked = TrainConfig.from_json({"speed": "thorough", "budget_ms": 40})
    chosen = replace(asked, height=96, width=64, score_removals=2)
    made = ModelVersion(run=TrainingRun(config=asked.to_json()), meta={"config": chosen.to_json()})
    assert _retraining_config(made) == replace(chosen, budget_ms=0.0)

    # Without a budget the run's config says it all.
    plain = ModelVersion(run=TrainingRun(config=TrainConfig().to_json()), meta={"config": chosen.to_json()})
    assert _retraining_config(plain) == TrainConfig()
