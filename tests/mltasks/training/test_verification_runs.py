"""A worker verifies a version: what it finds is kept with who asked, once, or the run says why nothing was found."""

from __future__ import annotations

import io
import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from redis import Redis
from rest_framework.test import APIClient

from mltasks import tasks
from mltasks.models import ImportedVersion, ModelVersion, RegisteredModel, Verification, VerifyingRun
from mltasks.reports import verification_report
from mltasks.runs import run_recovery
from mltasks.runs.execution import execute
from mltasks.runs.lease import LeaseLost, RunLease
from mltasks.training import verification_runs
from mltasks.training.verification_runs import NotRetrainable, VerificationInProgress, start
from mltasks.vision.serving import bundle
from tests.mltasks.conftest import make_person
from tests.tiny_model import MakeVersion, replace_file

ADDRESS = "/api/v1/models/plate/versions/1/verify/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def version(model: RegisteredModel, make_version: MakeVersion) -> ModelVersion:
    return make_version(model)


@pytest.fixture
def mia(db: None) -> User:
    return make_person("mia", "add_trainingrun", "view_modelversion")


@pytest.fixture
def manager(mia: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(mia)
    return client


def make_imported(version: ModelVersion) -> ModelVersion:
    """The version as it would be had it come from another plant: without its snapshot."""
    signed = {"plant": "North", "fingerprint": "0" * 64, "public_key": "none", "signature": b"", "document": "{}"}
    ImportedVersion.objects.create(
        version=version, model=version.model, sha256=version.sha256, product="plate", number=7, **signed
    )
    version.run.snapshot = None
    version.run.save()
    return ModelVersion.objects.get(pk=version.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow(25)
def test_a_worker_s_process_learns_it_again_bit_for_bit_and_keeps_who_asked(
    version: ModelVersion, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", urlunsplit(parts._replace(path=f"/{configured.DATABASES['default']['NAME']}")))
    run, files = start(version, by=mia, enqueue=False), bundle.file_hashes(version.path)
    tasks.execute_verification(run.pk)

    run.refresh_from_db()
    assert (run.state, run.attempt, run.progress, run.error) == ("succeeded", 1, 1.0, "")
    made = run.verification
    assert made is not None and made == Verification.objects.get()
    assert (made.version, made.by, made.holds, made.learned_again) == (version, mia, True, True)
    assert [one["what"] for one in made.findings] == ["files", "snapshot", "images", "weights", "figures"]
    assert "bit for bit" in made.findings[3]["words"] and "to the last digit" in made.findings[4]["words"]
    assert "Retraining: " in run.log and run.log.rstrip().endswith("All checks passed.") and run.epochs == []
    assert bundle.file_hashes(version.path) == files
    assert not [path for path in (version.path.parents[1] / ".verifying").iterdir() if path.is_dir()]
    tasks.execute_verification(run.pk)
    assert Verification.objects.count() == 1, "A second hint finds nothing to do."


def test_what_does_not_hold_is_what_was_found_and_no_failure(version: ModelVersion) -> None:
    replace_file(version.path / "model.safetensors", b"others")
    made = execute(verification_runs.VerificationExecutor(), start(version, enqueue=False))
    run = VerifyingRun.objects.get()
    assert (made.holds, made.learned_again, made.by) == (False, False, None)
    assert (run.state, run.verification) == ("succeeded", made)
    assert "Failed checks: files." in run.log


def test_a_look_that_fails_leaves_no_word_on_the_version(version: ModelVersion) -> None:
    run = start(version, hashes_only=True, enqueue=False)

    def stopped(step: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(verification_runs.VerificationExecutor(), run, stopped)
    assert (run.state, run.error) == ("failed", "Stopped by a person.")
    assert not Verification.objects.exists() and verification_report.load_report(version).failed

    made = execute(verification_runs.VerificationExecutor(), start(version, hashes_only=True, enqueue=False))
    assert made.holds and not made.learned_again
    assert not verification_report.load_report(version).failed, "Another try is another run."


def test_who_lost_the_run_writes_nothing_down(version: ModelVersion) -> None:
    run = start(version, hashes_only=True, enqueue=False)
    lease = RunLease.take(run.pk, VerifyingRun)
    VerifyingRun.objects.update(state="queued")
    with pytest.raises(LeaseLost):
        execute(verification_runs.VerificationExecutor(), run, lease=lease)
    assert not Verification.objects.exists()


def test_one_worker_looks_at_a_version_at_a_time(version: ModelVersion, model: RegisteredModel) -> None:
    run = start(version, enqueue=False)
    with pytest.raises(VerificationInProgress, match="A verification of plate version 1 is already in progress"):
        start(version, hashes_only=True)
    with pytest.raises(IntegrityError, match="verifying_ends_with_its_verification"), transaction.atomic():
        VerifyingRun.objects.update(state="succeeded")
    assert list(VerifyingRun.objects.all()) == [run]


def test_the_sweep_tells_a_worker_of_what_waits(version: ModelVersion) -> None:
    broker = Redis.from_url(configured.REDIS_URL)
    broker.delete("training")
    start(version, enqueue=False)
    VerifyingRun.objects.update(created_at="2026-01-01T00:00:00Z")
    assert run_recovery.resend_lost_messages() == 1
    (message,) = broker.lrange("training", 0, -1)
    assert b"mltasks.tasks.execute_verification" in message
    broker.delete("training")


def test_an_imported_version_is_looked_at_by_its_hashes(version: ModelVersion) -> None:
    came = make_imported(version)
    with pytest.raises(NotRetrainable, match="its images are at North"):
        start(came)
    made = execute(verification_runs.VerificationExecutor(), start(came, hashes_only=True, enqueue=False))
    assert made.findings[0] == {"what": "files", "holds": True, "words": made.findings[0]["words"]}
    assert not made.learned_again


def test_the_command_hands_it_to_a_worker(version: ModelVersion) -> None:
    out = io.StringIO()
    call_command("verify_version", "plate", "1", "--hashes-only", "--queue", stdout=out)
    run = VerifyingRun.objects.get()
    assert (out.getvalue().strip(), run.state, run.hashes_only) == (str(run.pk), "queued", True)
    assert not Verification.objects.exists()
    with pytest.raises(CommandError, match="is already in progress"):
        call_command("verify_version", "plate", "1", "--queue")


def test_rest_queues_it_and_tells_what_was_found(manager: APIClient, version: ModelVersion) -> None:
    assert manager.get(ADDRESS).json() == {"verification": None, "run": None}
    answer = manager.post(ADDRESS, {"hashes_only": True})
    assert answer.status_code == 202
    asked = answer.json()
    assert (asked["state"], asked["hashes_only"], asked["requested_by"]) == ("queued", True, "mia")
    again = manager.post(ADDRESS)
    assert (again.status_code, again.json()["code"]) == (409, "being_verified")

    execute(verification_runs.VerificationExecutor(), VerifyingRun.objects.get())
    said = manager.get(ADDRESS).json()
    assert (said["run"]["id"], said["run"]["state"]) == (asked["id"], "succeeded")
    assert (said["verification"]["holds"], said["verification"]["by"]) == (True, "mia")
    assert [one["what"] for one in said["verification"]["findings"]] == ["files", "snapshot", "images"]


def test_rest_refuses(manager: APIClient, version: ModelVersion) -> None:
    for body in ({"hashes_only": "perhaps"}, {"hashes_only": None}, []):
        assert manager.post(ADDRESS, body).status_code == 400, body
    assert manager.post(ADDRESS.replace("/1/", "/2/")).status_code == 404
    assert APIClient().get(ADDRESS).status_code == 401
    ada = APIClient()
    ada.force_authenticate(make_person("ada", "view_modelversion"))
    assert (ada.get(ADDRESS).status_code, ada.post(ADDRESS).status_code) == (200, 403)
    make_imported(version)
    answer = manager.post(ADDRESS)
    assert answer.status_code == 400 and "its images are at North" in str(answer.json())
    assert not VerifyingRun.objects.exists()


def test_the_page_s_door(version: ModelVersion, mia: User) -> None:
    door, page = reverse("verification-start", args=["plate", 1]), reverse("version", args=["plate", 1])
    ada = Client()
    ada.force_login(make_person("ada", "view_modelversion"), BACKEND)
    assert ada.post(door).status_code == 403
    assert "Verify version" not in ada.get(page).content.decode()
    client = Client()
    client.force_login(mia, BACKEND)
    assert (client.get(door).status_code, client.post(door.replace("/1/", "/9/")).status_code) == (405, 404)
    assert "Verify version" in client.get(page).content.decode()
    answer = client.post(door)
    assert (answer.status_code, answer["Location"]) == (302, f"{page}#verification")
    assert (VerifyingRun.objects.get().requested_by, VerifyingRun.objects.get().hashes_only) == (mia, False)
    refused = client.post(door, {"hashes_only": "on"}, follow=True).content.decode()
    assert "A verification of plate version 1 is already in progress" in refused and "Verify version" not in refused


def test_an_imported_version_s_page_offers_its_hashes_alone(version: ModelVersion, mia: User) -> None:
    make_imported(version)
    client = Client()
    client.force_login(mia, BACKEND)
    page = client.get(reverse("version", args=["plate", 1])).content.decode()
    assert "Verify hashes only" in page and "Verify version<" not in page and "its images are at North" in page


def test_the_admin_shows_it_and_changes_none(version: ModelVersion) -> None:
    made = execute(verification_runs.VerificationExecutor(), start(version, hashes_only=True, enqueue=False))
    permissions = ("view_verification", "view_verifyingrun", "view_approval")
    client = Client()
    client.force_login(make_person("ada", *permissions, staff=True), BACKEND)
    rows: dict[str, Any] = {"verification": made, "verifyingrun": VerifyingRun.objects.get(), "approval": None}
    for name, row in rows.items():
        assert client.get(reverse(f"admin:mltasks_{name}_changelist")).status_code == 200
        if row:
            shown = client.get(reverse(f"admin:mltasks_{name}_change", args=[row.pk]))
            assert shown.status_code == 200
            assert (
                "All checks passed" in shown.content.decode() or "have their recorded sha256" in shown.content.decode()
            )
        assert client.get(reverse(f"admin:mltasks_{name}_add")).status_code == 403
