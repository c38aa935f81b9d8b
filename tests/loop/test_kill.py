"""``kill -9`` in the middle: nothing acknowledged is lost, no half version, and the run says what happened."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from mltasks.vision.drawing.line import labeled_set, write_image_folder
from tests.loop.site import Site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PRODUCT = "kill-case"
SLOW = {"dense_epochs": 400, "folds": 2, "views": 2, "autoencoder_epochs": 2, "height": 96, "width": 96} | {
    "precision": "f32"
}
QUICK = SLOW | {"dense_epochs": 1}


def _set_training(site: Site, values: dict[str, int]) -> None:
    script = "from inspection.models import Product; Product.objects.update(training_settings=%r)" % values  # noqa: UP031
    site.manage("shell", "-c", script)


def _ask_database(site: Site, expression: str) -> Any:
    script = (
        "import json; from inspection.models import *; from mltasks.models import *; "
        f"print('answer:' + json.dumps({expression}))"
    )
    return json.loads(site.manage("shell", "-c", script).split("answer:")[1])


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    """A product with labels and one station."""
    site.manage("create_product", PRODUCT)
    folder = site.folder / "labeled"
    write_image_folder(folder, labeled_set(3, good=8, scratch=4, excess=4))
    site.manage("import_images", PRODUCT, str(folder))
    return site.manage("create_station", PRODUCT, "line-1").strip()


def _processes(site: Site, *words: str) -> list[psutil.Process]:
    return [process for process in site.processes() if all(word in " ".join(process.cmdline()) for word in words)]


def test_a_killed_training_says_so_and_runs_again(site: Site, key: str) -> None:
    _set_training(site, SLOW)
    site.manage("retrain", PRODUCT, "--queue")
    trainer = wait_for("the training process", lambda: _processes(site, "execute_run"))[0]
    run = "TrainingRun.objects.values('state', 'attempt', 'progress', 'log', 'error').latest('created_at')"
    wait_for("progress", lambda: _ask_database(site, run)["progress"] > 0)
    # What the second attempt trains on is the same snapshot; only the epochs shrink, to keep the test short.
    _ask_database(site, f"TrainingRun.objects.filter(state='running').update(config={QUICK!r})")
    trainer.kill()

    wait_for("the second attempt's version", lambda: _ask_database(site, "ModelVersion.objects.count()") == 1, 300)
    found = _ask_database(site, run)
    assert (found["state"], found["attempt"]) == ("succeeded", 2)
    assert "signal 9" in found["log"]
    folders = list((site.folder / "var" / "versions").rglob("meta.json"))
    assert len(folders) == 1, "A killed attempt must leave no half version."


def test_nothing_answered_is_lost_when_the_web_process_is_killed(site: Site, key: str, tmp_path: Path) -> None:
    write_image_folder(tmp_path, labeled_set(4, good=30, scratch=1, excess=1))
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
    for process in _processes(site, "gunicorn"):
        process.kill()
    for client in clients:
        client.join()

    assert len(answered) >= 4
    wait_for("the web process to be back", lambda: site.log.exists() and _back(site))
    stored = set(_ask_database(site, "[str(i) for i in Inspection.objects.values_list('id', flat=True)]"))
    assert set(answered) <= stored
    decided = "Inspection.objects.filter(source='station', state='pending').count()"
    wait_for("the sweeper to decide what the crash left", lambda: _ask_database(site, decided) == 0, 120)
    stored_files = _ask_database(site, "list(Inspection.objects.values_list('image_name', 'image_sha256'))")
    for name, sha256 in stored_files:
        assert hashlib.sha256((site.folder / "media" / name).read_bytes()).hexdigest() == sha256


def _back(site: Site) -> bool:
    try:
        return site.get("/healthz", token=None).status == 200
    except OSError:
        return False
