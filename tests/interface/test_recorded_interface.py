"""Comparison of the outside interface with the files below ``recorded/``, list by list.

``python -m tests.interface`` rewrites the files after an intended change.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.interface import celery_tasks, commands, database, environment, metrics, openapi, routes, source
from tests.interface import version_files as version
from tests.interface.recorded_files import FOLDER, check_lines, check_text

if TYPE_CHECKING:
    from mltasks.vision.learn import Learned


def test_routes() -> None:
    check_lines("routes.txt", routes.routes())


def test_the_rest_api() -> None:
    check_text("openapi.yaml", openapi.document())


def test_commands() -> None:
    check_lines("commands.txt", commands.commands())


def test_environment_variables() -> None:
    check_lines("environment.txt", environment.variables())


def test_default_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_lines("settings.txt", environment.default_settings(tmp_path, monkeypatch))


def test_celery_tasks_and_their_schedule() -> None:
    check_lines("celery.txt", [*celery_tasks.tasks(), *celery_tasks.schedule()])


@pytest.mark.django_db
def test_tables() -> None:
    check_lines("tables.txt", database.tables())


def test_choices() -> None:
    check_lines("choices.txt", database.choices())


@pytest.mark.django_db
def test_permissions() -> None:
    check_lines("permissions.txt", database.permissions())


def test_purposes_of_seeds() -> None:
    check_lines("seed_purposes.txt", source.seed_purposes())


def test_texts_that_are_hashed() -> None:
    check_lines("hashed_texts.txt", source.hashed_texts())


def test_numbers_of_forms_and_recipes() -> None:
    check_lines("numbers.txt", source.numbers())


def test_ids_of_system_checks() -> None:
    check_lines("check_ids.txt", source.check_ids())


def test_error_codes() -> None:
    check_lines("error_codes.txt", source.error_codes())


@pytest.mark.slow
def test_files_of_a_version(learned: Learned) -> None:
    check_lines("version_files.txt", version.files(learned.bundle_dir))


@pytest.mark.slow
def test_names_of_weights(learned: Learned) -> None:
    check_lines("weights.txt", version.weights(learned.bundle_dir))


@pytest.mark.slow
def test_keys_of_meta_and_report(learned: Learned) -> None:
    check_lines("version_keys.txt", version.json_keys(learned.bundle_dir))


@pytest.mark.slow
def test_seeds_of_a_training(training: tuple[Learned, list[str]]) -> None:
    check_lines("seeds.txt", version.seeds(training[1]))


@pytest.mark.slow
def test_a_version_is_known_by_the_hash_of_its_manifest(learned: Learned) -> None:
    assert learned.sha256 == version.digest(learned.bundle_dir)


@pytest.mark.slow
def test_an_exported_version(champion: Any, tmp_path: Path) -> None:
    archive = tmp_path / "version.slv"
    call_command("export_version", "phone-case", "1", str(archive), stdout=io.StringIO())
    check_lines("exported_version.txt", version.exported(archive))


@pytest.mark.slow
def test_the_manifest_of_a_snapshot(champion: Any, admin_client: Client) -> None:
    answers = [admin_client.get(f"/models/phone-case/snapshot-1/manifest.{form}") for form in ("jsonl", "csv")]
    lines, table = (b"".join(answer.streaming_content) for answer in answers)
    assert hashlib.sha256(lines).hexdigest() == champion.run.snapshot.sha256
    check_lines("snapshot_manifest.txt", version.masked((lines + table).decode()).splitlines())


@pytest.mark.slow
@pytest.mark.django_db
def test_metrics_and_steps_of_a_request(answer: Any) -> None:
    assert answer.status_code == 201
    check_lines("server_timing.txt", metrics.steps(answer["Server-Timing"]))
    check_lines("metrics.txt", metrics.metrics(Client().get("/metrics").content.decode()))


def test_every_recorded_file_has_its_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in FOLDER.iterdir() if path.name not in text] == []
