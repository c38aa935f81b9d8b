"""``kill -9`` in the middle: nothing acknowledged is lost, no half version, and the run says what happened."""

from __future__ import annotations

import hashlib
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from psycopg.types.json import Jsonb

from mltasks.vision.drawing.line import write_image_folder
from tests.loop.site import Site, wait_for
from tests.tiny_model import small_parts

pytestmark = [pytest.mark.slow(25), pytest.mark.timeout(900)]

PRODUCT = "kill-case"
SLOW = {
    "companion": "",
    "detectors": ["memory"],
    "dense_epochs": 400,
    "folds": 2,
    "views": 2,
    "autoencoder_epochs": 2,
    "trade_points": 0,
    "height": 96,
    "width": 96,
    "precision": "f32",
}
QUICK = SLOW | {"dense_epochs": 1}


def _set_training(site: Site, values: dict[str, Any]) -> None:
    site.query("UPDATE inspection_product SET training_settings = %s WHERE slug = %s", Jsonb(values), PRODUCT)


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    """The key of the one station of a product with labels."""
    folder = site.folder / "labeled"
    write_image_folder(folder, small_parts(3, good=8, scratch=4, excess=4))
    made = site.manage_all(
        ("create_product", PRODUCT),
        ("import_images", PRODUCT, str(folder)),
        ("create_station", PRODUCT, "line-1"),
    )
    return made[2].strip()


def _processes(site: Site, *arguments: str) -> list[psutil.Process]:
    return [process for process in site.processes() if all(word in _command_line(process) for word in arguments)]


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it ended between the two looks
        return ""


def test_a_killed_training_says_so_and_runs_again(site: Site, key: str) -> None:
    _set_training(site, SLOW)
    site.manage("retrain", PRODUCT, "--queue")
    trainer = wait_for("the training process", lambda: _processes(site, "execute_run"))[0]
    progress = "SELECT progress FROM mltasks_trainingrun WHERE progress > 0"
    wait_for("progress", lambda: site.query(progress))
    # What the second attempt trains on is the same snapshot; only the epochs shrink, to keep the test short.
    site.query("UPDATE mltasks_trainingrun SET config = %s WHERE state = 'running'", Jsonb(QUICK))
    trainer.kill()

    wait_for("the second attempt's version", lambda: site.query("SELECT 1 FROM mltasks_modelversion"), 300)
    [(state, attempt, log)] = site.query("SELECT state, attempt, log FROM mltasks_trainingrun")
    assert (state, attempt) == ("succeeded", 2)
    assert "signal 9" in log
    folders = list((site.folder / "var" / "versions" / PRODUCT).rglob("meta.json"))
    assert len(folders) == 1, "A killed attempt must leave no half version."


def test_nothing_answered_is_lost_when_the_web_process_is_killed(site: Site, key: str, tmp_path: Path) -> None:
    write_image_folder(tmp_path, small_parts(4, good=30, scratch=1, excess=1))
    images = sorted(tmp_path.rglob("*.jpg"))
    answered: list[str] = []

    def send(mine: list[Path]) -> None:
        for path in mine:
            try:
                answer = site.send(path, key=key)
            except OSError:  # the process under it was killed: not answered, so nothing was promised
                continue
            if answer.status == 201:
                answered.append(answer.body["id"])

    clients = [threading.Thread(target=send, args=(images[start::4],)) for start in range(4)]
    for client in clients:
        client.start()
    wait_for("the first answers", lambda: len(answered) >= 4)
    for process in _processes(site, "webapp.server"):
        process.kill()
    for client in clients:
        client.join()

    assert len(answered) >= 4
    wait_for("the web process to be back", lambda: site.log.exists() and _is_running_again(site))
    stored = {str(key) for (key,) in site.query("SELECT id FROM inspection_inspection")}
    assert set(answered) <= stored
    pending = "SELECT 1 FROM inspection_inspection WHERE source = 'station' AND state = 'pending'"
    wait_for("the sweeper to decide what the crash left", lambda: not site.query(pending), 120)
    stored_files = site.query("SELECT image_name, image_sha256 FROM inspection_inspection")
    for name, sha256 in stored_files:
        assert hashlib.sha256((site.folder / "media" / name).read_bytes()).hexdigest() == sha256


def test_no_answered_verdict_is_lost_when_the_database_server_is_killed(site: Site, key: str, tmp_path: Path) -> None:
    site.manage("promote", PRODUCT, "1", "--reason", "It scores.")
    write_image_folder(tmp_path, small_parts(6, good=24, scratch=4, excess=4))
    images = sorted(tmp_path.rglob("*.jpg"))
    # Only commits of the next parts write the verdicts to disk, so that the crash takes some of them back.
    site.query("ALTER SYSTEM SET wal_writer_delay = '10s'")
    site.query("SELECT pg_reload_conf()")
    answers: list[dict[str, Any]] = []

    def send(mine: list[Path]) -> None:
        for path in mine:
            answer = site.send(path, key=key)
            assert answer.status == 201
            answers.append(answer.body)

    def kill_after(parts: list[Path]) -> set[str]:
        """Send parts by four clients, kill the server after the last answer, and return the states of all parts."""
        clients = [threading.Thread(target=send, args=(parts[start::4],)) for start in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        server = psutil.Process(int((site.folder / "var" / "postgres" / "postmaster.pid").read_text().split()[0]))
        server.send_signal(signal.SIGQUIT)
        # Until it has ended, it still answers.
        assert psutil.wait_procs([server], timeout=60)[0]
        wait_for("the database to be back", lambda: _is_running_again(site, "/readyz"))
        rows = "SELECT id, state FROM inspection_inspection WHERE id = ANY(%s::uuid[])"
        states = dict(site.query(rows, [answer["id"] for answer in answers]))
        assert len(states) == len(answers), "An answered part is gone."
        return set(states.values())

    # A commit of a worker between the last answer and the kill writes the verdicts to disk: then once more.
    took_some_back = any("pending" in kill_after(images[start : start + 8]) for start in range(0, len(images), 8))
    assert took_some_back, "The crash took no verdict back: the test shows nothing."
    pending = "SELECT 1 FROM inspection_inspection WHERE source = 'station' AND state = 'pending'"
    wait_for("the sweeper to decide what the crash left", lambda: not site.query(pending), 180)
    decided = (
        "SELECT i.id::text, i.verdict, i.reasons, v.number, i.defect_probability FROM inspection_inspection i "
        "JOIN mltasks_modelversion v ON v.id = i.model_version_id WHERE i.id = ANY(%s::uuid[])"
    )
    found = {row[0]: list(row[1:]) for row in site.query(decided, [answer["id"] for answer in answers])}
    names = ("verdict", "reasons", "model_version", "defect_probability")
    assert found == {answer["id"]: [answer[name] for name in names] for answer in answers}


def _is_running_again(site: Site, path: str = "/healthz") -> bool:
    try:
        return site.get(path, token=None).status == 200
    except OSError:
        return False
