"""The demo: done once however often it is asked for, and a line that loses no part over a restart of the server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from PIL import Image
from pytest_django import Settings

from inspection.models import Inspection, Product, StationKey
from labeling.models import Label
from mltasks.models import ModelVersion, Promotion, TrainingRun
from mltasks.registry import registry
from webapp.bootstrap import demo, first_admin
from webapp.bootstrap.demo_camera import Camera, NotAccepted
from webapp.config import credentials
from webapp.management.commands.demo_line import _next_seed, _pauses

MakeVersion = Callable[..., ModelVersion]


@pytest.fixture
def var(settings: Settings, tmp_path: Path) -> Path:
    """A VAR folder of this test's own."""
    settings.VAR = tmp_path
    return tmp_path


@pytest.fixture
def small_labeled_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A labeled set that is drawn in no time."""
    for name in ("GOOD_COUNT", "SCRATCH_COUNT", "EXCESS_COUNT"):
        monkeypatch.setattr(demo, name, 2)


@pytest.fixture
def fake_trainings(make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch) -> list[Product]:
    """Trainings of the demo that succeed at once, with a real version; the products they were asked for."""
    asked: list[Product] = []

    def train(product: Product, say: demo.Say) -> ModelVersion:
        asked.append(product)
        return make_version(product.registered_model)

    monkeypatch.setattr(demo, "_train", train)
    return asked


def _ignore(line: str) -> None:
    """Tell nobody."""


@pytest.mark.django_db
def test_it_makes_everything_once(var: Path, small_labeled_set: None, fake_trainings: list[Product]) -> None:
    told: list[str] = []
    demo.make_demo(told.append)
    first = list(told)
    demo.make_demo(told.append)

    assert len(fake_trainings) == 1
    assert Label.objects.count() == 6
    assert sorted(Label.objects.exclude(defect_type=None).values_list("defect_type__name", flat=True)) == [
        *["excess"] * 2,
        *["scratch"] * 2,
    ]
    assert Promotion.objects.get().by == User.objects.get(username="manager")
    assert StationKey.objects.count() == 1
    # The logins come last; the second time it only tells them, the same ones.
    assert told[len(first) :] == first[-2:]
    assert all("password:" in line for line in first[-2:])


@pytest.mark.django_db
def test_its_people_can_log_in_and_do_their_work(
    var: Path, small_labeled_set: None, fake_trainings: list[Product]
) -> None:
    demo.make_demo(_ignore)
    kept = credentials.load_logins(var)
    for username, permission in (("reviewer", "labeling.add_review"), ("manager", registry.PROMOTE_PERMISSION)):
        user = User.objects.get(username=username)
        assert user.check_password(kept[username])
        assert user.has_perm(permission)
        assert not user.is_superuser
    assert not User.objects.get(username="reviewer").has_perm(registry.PROMOTE_PERMISSION)


@pytest.mark.django_db
def test_its_secrets_are_for_the_operator_alone(
    var: Path, small_labeled_set: None, fake_trainings: list[Product]
) -> None:
    demo.make_demo(_ignore)
    for name in (demo.KEY_FILE, credentials.FILE_NAME):
        assert (var / name).stat().st_mode & 0o077 == 0


@pytest.mark.django_db
def test_it_tells_a_training_that_failed_and_promotes_nothing(
    var: Path, small_labeled_set: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(product: Product, **kwargs: Any) -> TrainingRun:
        state = TrainingRun.State.FAILED
        return TrainingRun.objects.create(model=product.registered_model, state=state, error="Out of memory")

    monkeypatch.setattr(demo, "retrain", fail)
    told: list[str] = []
    demo.make_demo(told.append)
    assert any("Out of memory" in line for line in told)
    assert not Promotion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_line_posts_parts_that_get_verdicts(
    var: Path, small_labeled_set: None, fake_trainings: list[Product], live_server: Any, settings: Settings, capsys: Any
) -> None:
    demo.make_demo(_ignore)
    settings.PORT = int(live_server.url.rsplit(":", 1)[1])
    call_command("demo_line", count=3, interval=0, seed=5)
    sent = Inspection.objects.filter(source=Inspection.Source.STATION)
    assert sorted(sent.values_list("part_id", flat=True)) == ["demo-5-0001", "demo-5-0002", "demo-5-0003"]
    assert all(part.model_version is not None for part in sent)
    assert capsys.readouterr().out.count("demo-5-") == 3


@pytest.mark.django_db(transaction=True)
def test_the_line_says_when_its_key_is_refused(
    var: Path, small_labeled_set: None, fake_trainings: list[Product], live_server: Any, settings: Settings
) -> None:
    demo.make_demo(_ignore)
    StationKey.objects.update(revoked=True)
    settings.PORT = int(live_server.url.rsplit(":", 1)[1])
    with pytest.raises(CommandError, match="was not accepted"):
        call_command("demo_line", count=1, interval=0, seed=5)


def test_the_line_begins_with_a_burst_and_other_parts_each_time(var: Path) -> None:
    assert list(islice(_pauses(3, 20.0), 5)) == [0.2, 0.2, 20.0, 20.0, 20.0]
    assert [_next_seed(), _next_seed()] == [1, 2]


class FlakyHandler(BaseHTTPRequestHandler):
    """Answers what its server's list says, in order; 0 breaks the connection off."""

    server: Any

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        status = self.server.statuses.pop(0)
        if status:
            body = b'{"verdict": "PASS", "detail": "no"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def flaky_server() -> Iterator[Any]:
    """A server that answers as it is told."""
    server: Any = HTTPServer(("127.0.0.1", 0), FlakyHandler)
    server.statuses, server.keys = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def camera(server: Any, slept: list[float]) -> Camera:
    return Camera("127.0.0.1", server.server_port, "key", sleep=slept.append)


def test_a_camera_sends_again_as_the_same_part_until_it_is_taken(flaky_server: Any) -> None:
    flaky_server.statuses = [503, 0, 429, 201]
    slept: list[float] = []
    answer = camera(flaky_server, slept).send(Image.new("RGB", (8, 8)), "part-1")
    assert answer["verdict"] == "PASS"
    assert len(flaky_server.keys) == 4
    assert len(set(flaky_server.keys)) == 1
    assert len(slept) == 3


def test_a_camera_refuses_to_repeat_what_is_refused_for_good(flaky_server: Any) -> None:
    flaky_server.statuses = [415]
    with pytest.raises(NotAccepted, match="415: no"):
        camera(flaky_server, []).send(Image.new("RGB", (8, 8)), "part-1")


@pytest.mark.django_db
def test_the_first_admin_is_made_once_and_told_once(var: Path) -> None:
    told = first_admin.make_first_admin(var, "", "")
    password = credentials.load_logins(var)["admin"]
    assert password in told
    assert User.objects.get(username="admin", is_superuser=True).check_password(password)
    assert first_admin.make_first_admin(var, "", "") == ""


@pytest.mark.django_db
def test_a_named_admin_gets_the_given_password_and_keeps_a_later_one(var: Path) -> None:
    told = first_admin.make_first_admin(var, "ada", "a-long-password")
    assert "a-long-password" not in told
    ada = User.objects.get(username="ada")
    ada.set_password("a-later-password")
    ada.save()
    assert first_admin.make_first_admin(var, "ada", "a-long-password") == ""
    ada.refresh_from_db()
    assert ada.check_password("a-later-password")
    assert credentials.load_logins(var) == {}
