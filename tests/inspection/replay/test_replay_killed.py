"""A replay in a process of its own: killed, it says so, and the next attempt scores what is left."""

from __future__ import annotations

import os
import threading
import uuid
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from django.conf import settings
from django.db import connection

from inspection.models import Inspection, Product, Replay, Rescore
from inspection.replay import replay
from mltasks.runs import supervision
from tests.inspection.conftest import Receive
from tests.mltasks.runs.test_supervision import wait_for
from tests.tiny_model import MakeVersion

# Its process has the lowest priority: beside other tests it takes long.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow(30), pytest.mark.timeout(600)]
PARTS = 250


@pytest.fixture
def run(product: Product, make_version: MakeVersion, receive: Receive, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """A waiting replay of many parts, in a database and folders that child processes find as well."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", urlunsplit(parts._replace(path=f"/{settings.DATABASES['default']['NAME']}")))
    var = settings.VERSIONS_DIR.parent
    monkeypatch.setenv("VAR", str(var))
    monkeypatch.setenv("MEDIA_ROOT", str(settings.MEDIA_ROOT))
    make_version(product, champion=True)
    first = receive()
    rows = []
    for _ in range(PARTS - 1):
        row = Inspection(**{field.attname: getattr(first, field.attname) for field in first._meta.concrete_fields})
        row.pk = uuid.uuid4()
        rows.append(row)
    Inspection.objects.bulk_create(rows)
    return replay.start(make_version(product), enqueue=False)


def _supervise(run: Replay) -> None:
    try:
        supervision.supervise(run.pk, Replay)
    finally:
        connection.close()


def test_a_killed_replay_goes_on_and_scores_no_part_twice(run: Replay) -> None:
    supervisor = threading.Thread(target=_supervise, args=[run])
    supervisor.start()
    wait_for("the first scores", lambda: Rescore.objects.exists())
    words = ["execute_replay", str(run.pk)]
    (scorer,) = [one for one in psutil.process_iter(["cmdline"]) if words == (one.info["cmdline"] or [])[2:4]]
    scorer.kill()
    supervisor.join()
    kept = dict(Rescore.objects.values_list("inspection_id", "pk"))
    assert 0 < len(kept) < PARTS
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 1)
    assert run.error.startswith("The replay process was killed by signal 9")

    assert supervision.supervise(run.pk, Replay)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.figures["parts"]) == ("succeeded", 2, PARTS)
    assert f"{PARTS - len(kept)} scores to compute" in run.log
    again = dict(Rescore.objects.values_list("inspection_id", "pk"))
    assert len(again) == PARTS and kept.items() <= again.items()
