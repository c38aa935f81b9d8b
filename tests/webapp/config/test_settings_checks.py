"""What the system refuses to start with, and what it tells to do instead."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from mltasks.vision.networks.feature_networks.network_registry import FEATURE_NETWORKS
from webapp.config import settings_checks
from webapp.config.environment import Environment

GOOD_KEY = "kR8vQ2mZx7Lw4TnYb9HsJc3Fd6Gp1AeUoXiB5hNq0Wt-SyVz"


def message_ids(messages: list[Any]) -> list[str]:
    """Return the ids of messages, each of which must say what to do."""
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def test_it_accepts_the_settings_of_a_test_run() -> None:
    settings_checks.require_safe_settings()


@pytest.mark.parametrize("key", ["short", "a" * 60, "django-insecure-kR8vQ2mZx7Lw4TnYb9HsJc3Fd6Gp1AeUoXi"])
def test_it_refuses_a_weak_secret_key(settings: Settings, key: str) -> None:
    settings.SECRET_KEY = key
    assert message_ids(settings_checks.check_secret_key(None)) == ["webapp.E001"]


def test_it_accepts_a_random_secret_key(settings: Settings) -> None:
    settings.SECRET_KEY = GOOD_KEY
    assert settings_checks.check_secret_key(None) == []


def test_it_refuses_any_host(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["look.plant.example", "*"]
    assert message_ids(settings_checks.check_hosts(None)) == ["webapp.E003"]


def test_it_refuses_debug_for_other_machines(settings: Settings) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["127.0.0.1", "look.plant.example"]
    [found] = settings_checks.check_hosts(None)
    assert found.id == "webapp.E004"
    assert "look.plant.example" in found.msg


def test_it_accepts_debug_on_loopback(settings: Settings) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
    assert settings_checks.check_hosts(None) == []


@pytest.mark.parametrize("name", ["VAR", "MEDIA_ROOT"])
def test_it_refuses_a_folder_that_is_a_file(settings: Settings, tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.touch()
    setattr(settings, name, file / "below")
    [found] = settings_checks.check_folders(None)
    assert found.id == "webapp.E005"
    assert name in found.hint


def test_it_accepts_a_folder_that_is_yet_to_be_made(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "new" / "media"
    assert settings_checks.check_folders(None) == []


def test_it_accepts_a_bucket_and_asks_for_no_folder_of_images_beside_it(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    settings.MEDIA_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL = "s3", "look-parts", "http://minio:9000"
    settings.MEDIA_ROOT = file / "below"
    assert settings_checks.check_store(None) == settings_checks.check_folders(None) == []


def test_it_refuses_a_bucket_without_a_name_and_an_address_that_is_none(settings: Settings) -> None:
    settings.MEDIA_STORE, settings.S3_BUCKET, settings.S3_ENDPOINT_URL = "s3", "", "minio:9000"
    assert message_ids(settings_checks.check_store(None)) == ["webapp.E009", "webapp.E010"]
    with pytest.raises(ImproperlyConfigured, match="Set S3_BUCKET to the bucket"):
        settings_checks.require_safe_settings()


def test_it_refuses_a_bucket_that_nothing_would_be_put_into(settings: Settings) -> None:
    settings.S3_BUCKET = "look-parts"
    [found] = settings_checks.check_store(None)
    assert found.id == "webapp.E011"
    assert "MEDIA_STORE=s3" in found.hint


def test_it_refuses_an_unknown_backbone_and_absent_weights(settings: Settings, tmp_path: Path) -> None:
    settings.BACKBONE = "resnet19"
    settings.BACKBONE_WEIGHTS = str(tmp_path / "absent.pth")
    assert message_ids(settings_checks.check_backbone(None)) == ["webapp.E006", "webapp.E007"]


def test_it_knows_the_backbones_that_there_are() -> None:
    assert frozenset(FEATURE_NETWORKS) == settings_checks.KNOWN_BACKBONES


def test_it_refuses_a_command_on_the_database_when_there_is_none(settings: Settings) -> None:
    settings.DATABASE_FOUND = False
    assert message_ids(settings_checks.check_database_configured(None, databases=["default"])) == ["webapp.E008"]
    assert settings_checks.check_database_configured(None, databases=None) == []


def test_it_refuses_numbers_and_flags_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORT", "eight")
    monkeypatch.setenv("THREADS", "-1")
    monkeypatch.setenv("DEMO", "maybe")
    monkeypatch.setenv("MEDIA_STORE", "tape")
    read = Environment(tmp_path)
    assert (read.integer("PORT", 8000, 1, 65535), read.integer("THREADS", 0, 0, 9), read.flag("DEMO", True)) == (
        8000,
        0,
        True,
    )
    assert read.choice("MEDIA_STORE", ["local", "s3"]) == "local"
    assert [problem.split(" ")[0] for problem in read.problems] == ["PORT", "THREADS", "DEMO", "MEDIA_STORE"]


def test_it_refuses_what_the_environment_got_wrong(settings: Settings) -> None:
    settings.ENVIRONMENT_PROBLEMS = ["PORT is 'eight'; it must be a whole number from 1 to 65535."]
    assert message_ids(settings_checks.check_environment(None)) == ["webapp.E002"]
    with pytest.raises(ImproperlyConfigured, match="PORT is 'eight'"):
        settings_checks.require_safe_settings()


def test_it_reads_values_that_are_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("DEMO", "off")
    monkeypatch.setenv("HOSTS", "a.example, b.example")
    monkeypatch.setenv("VAR", "data")
    read = Environment(tmp_path)
    assert (read.integer("PORT", 8000, 1, 65535), read.flag("DEMO", True)) == (8123, False)
    assert (read.text_list("HOSTS", []), read.folder("VAR", "var")) == (["a.example", "b.example"], tmp_path / "data")
    assert read.problems == []
