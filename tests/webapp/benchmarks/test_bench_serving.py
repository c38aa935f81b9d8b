"""`make bench-serving`: what it posts and counts, what its peer answers, and that it sees parts that are not kept."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from PIL import Image

from inspection.images import image_files
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection
from inspection.products.stations import create_station
from tests.labeling.conftest import make_product
from webapp.benchmarks.serving import ours, parts, plot, soak
from webapp.benchmarks.serving.load import Load, LoadResult, post_images


@pytest.fixture
def server() -> Iterator[str]:
    """Answers every third part with 503, the others with the length of what it got."""
    asked = threading.Semaphore(0)

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.release()
            status = 503 if asked._value % 3 == 0 else 201
            content = json.dumps({"id": len(body), "key": self.headers["Authorization"]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Server-Timing", "decode;dur=2.0, total;dur=5.5")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}/parts/"
    serving.shutdown()
    serving.server_close()


def test_clients_count_what_was_accepted_and_what_was_not(server: str, tmp_path: Path) -> None:
    image = tmp_path / "part.jpg"
    image.write_bytes(b"x" * 1000)
    load = post_images(server, [image], 3, 0.5, {"Authorization": "Api-Key k"})
    accepted, refused = load.statuses["201"], load.statuses["503"]
    assert accepted == len(load.answers) == len(load.latencies_ms) > refused > 0
    assert load.rate == pytest.approx(accepted / load.seconds)
    number, answer = load.answers[0]
    assert (number, answer["key"]) == (0, "Api-Key k")
    assert isinstance(answer["id"], int) and answer["id"] > 1000
    assert load.steps["decode"] == [2.0] * accepted and load.steps["total"] == [5.5] * accepted
    line = LoadResult("peer", "crops", load, 10.0).table_row()
    assert f"{{'503': {refused}}}" in line


def test_a_server_that_is_not_there_is_an_answer_too(tmp_path: Path) -> None:
    image = tmp_path / "part.jpg"
    image.write_bytes(b"x")
    load = post_images("http://127.0.0.1:9/", [image], 2, 0.3, {})
    assert load.statuses["ConnectionRefusedError"] >= 2
    assert load.rate == 0


def test_benches_with_a_site_of_their_own_load_before_django_is_set_up() -> None:
    modules = ", ".join(f"webapp.benchmarks.{name}.run" for name in ("mutated", "replay", "serving"))
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-c", f"import {modules}"]
    ended = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_it_draws_crops_and_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CROP_COUNT", 4)
    monkeypatch.setattr(parts, "FRAME_COUNT", 1)
    found = [*parts.draw_crops(tmp_path), *parts.draw_frames(tmp_path)]
    sizes = [Image.open(path).size for path in found]
    assert sizes == [parts.CROP_SIZE] * 4 + [parts.FRAME_SIZE]
    assert len({path.read_bytes() for path in found}) == 5


@pytest.mark.slow
def test_the_peer_answers_as_the_seed_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import UploadFile

    from webapp.benchmarks.serving.peer_app import predict

    monkeypatch.setattr(parts, "CROP_COUNT", 4)
    image = parts.draw_crops(tmp_path)[0].read_bytes()
    # In a thread of its own: Playwright keeps an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(asyncio.run, predict(UploadFile(io.BytesIO(image)))).result()
    assert list(answer) == [
        "label",
        "defect_probability",
        "reconstruction_error",
        "anomaly_threshold",
        "novel_defect_suspected",
    ]
    assert 0 <= float(answer["defect_probability"]) <= 1
    assert float(answer["reconstruction_error"]) > 0


@pytest.mark.django_db(transaction=True)
def test_it_sees_a_part_that_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CROP_COUNT", 4)
    paths = parts.draw_crops(tmp_path)
    station, _ = create_station(make_product(), "line-1")
    made = [intake.receive(Submission(io.BytesIO(path.read_bytes()), station.product, station)) for path in paths]
    load = Load(1, answers=[(number, {"id": str(one.pk)}) for number, one in enumerate(made)])
    assert ours.count_lost(load, paths) == 0
    # One file is damaged, one part was answered as another, one row is gone.
    image_files.image_path(made[0]).write_bytes(b"other")
    load.answers[1] = (2, {"id": str(made[1].pk)})
    Inspection.objects.filter(pk=made[2].pk).delete()
    assert ours.count_lost(load, paths) == 3


def test_parts_that_are_due_on_time_wait_for_no_answer(server: str, tmp_path: Path) -> None:
    image = tmp_path / "part.jpg"
    image.write_bytes(b"x" * 1000)
    load = post_images(server, [image], 4, 1.0, {}, rate=40)
    assert 30 <= sum(load.statuses.values()) <= 44


def test_a_soak_counts_errors_and_memory(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "part.jpg"
    image.write_bytes(b"x" * 1000)
    monkeypatch.setattr(soak, "POLL_SECONDS", 0.1)
    found = soak.run_soak(server, [image], 1.0, 50, {}, lambda: [psutil.Process()])
    assert found.rate == 40 and found.error_count == found.load.statuses["503"] > 0
    assert len(found.memory) > 5 and all(megabytes > 10 for _, megabytes in found.memory)
    assert "MB an hour" in found.summary()

    grows = soak.Soak(Load(1), 1.0, [(minute * 60.0, 300.0 + minute) for minute in range(60)])
    assert grows.slope == pytest.approx(60.0)


def test_the_run_is_drawn(tmp_path: Path) -> None:
    rows = [
        LoadResult(server, kind, Load(clients, 2.0, [1.0], answers=[(0, {})] * rate), 300.0)
        for kind in ("crops", "frames")
        for clients in (1, 4, 16)
        for server, rate in (("Second Look", 12), ("peer", 5))
    ]
    plot.plot_rates(tmp_path / "serving.svg", rows)
    text = (tmp_path / "serving.svg").read_text()
    assert text.count(">6.0<") == 6 and "16 clients" in text and "peer" in text
