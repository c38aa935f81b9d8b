"""The container files and the example environment, as far as they can be held without a container engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from webapp.health.container_check import is_healthy

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {"migrate", "web", "scoring-worker", "training-worker", "replay-worker", "beat"}


def test_it_has_every_part_of_the_system() -> None:
    assert set(SERVICES) == OURS | {"postgres", "valkey"}


@pytest.mark.parametrize("name", ["SECRET_KEY", "POSTGRES_PASSWORD", "ALLOWED_HOSTS"])
def test_it_refuses_to_start_without_a_secret_of_its_own(name: str) -> None:
    uses = re.findall(rf"\$\{{{name}(.*?)\}}", COMPOSE)
    assert uses
    assert all(use.startswith(":?") for use in uses)


def test_every_long_running_service_has_a_health_check_and_comes_back() -> None:
    for name in set(SERVICES) - {"migrate", "beat"}:
        assert SERVICES[name]["healthcheck"]["test"], name
        assert SERVICES[name]["restart"] == "unless-stopped", name


def test_nothing_of_ours_starts_before_the_migration() -> None:
    for name in OURS - {"migrate"}:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name


def test_every_volume_is_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(yaml.safe_load(COMPOSE)["volumes"])


def test_each_queue_has_a_worker() -> None:
    commands = {name: SERVICES[name]["command"] for name in ("scoring-worker", "training-worker", "replay-worker")}
    queues = {command[command.index("--queues") + 1] for command in commands.values()}
    assert queues == {"scoring", "training", "replay"}


def test_only_the_web_server_is_published_and_on_loopback() -> None:
    assert {name for name in SERVICES if "ports" in SERVICES[name]} == {"web"}
    assert SERVICES["web"]["ports"] == ["${PUBLISH:-127.0.0.1:8000}:8000"]


def test_the_image_runs_as_nobody_special_and_knows_its_health() -> None:
    last = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER look$", last, re.MULTILINE)
    assert last.index("USER look") < last.index("CMD")
    assert "HEALTHCHECK" in last


def test_the_image_copies_only_what_is_there() -> None:
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source


def test_the_example_environment_names_every_variable_that_is_read() -> None:
    program = "\n".join(path.read_text() for path in (ROOT / "webapp").rglob("*.py"))
    read = set(re.findall(r'env\.(?:text|text_list|flag|integer|folder|choice)\(["\']([A-Z0-9_]+)', program))
    read |= set(re.findall(r"\$\{([A-Z0-9_]+)", COMPOSE))
    shown = set(re.findall(r"^#?([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    assert read - shown == set()
    assert shown - read == set()


def test_the_example_environment_holds_no_secret() -> None:
    assert not re.findall(r"^#?(?:SECRET_KEY|POSTGRES_PASSWORD|DJANGO_SUPERUSER_PASSWORD)=.+", EXAMPLE, re.MULTILINE)


@pytest.mark.django_db(transaction=True)
def test_the_health_check_tells_well_from_ill(live_server: Any) -> None:
    port = int(live_server.url.rsplit(":", 1)[1])
    assert is_healthy("/healthz", port=port, host="localhost")
    assert not is_healthy("/healthz", port=port, host="stranger.example")
    assert not is_healthy("/no-such-page", port=port, host="localhost")
    assert not is_healthy("/healthz", port=1, host="localhost")
