"""`make bench-serving`: what it posts and counts, what its peer answers, and that it sees parts that are not kept."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.db import connection
from PIL import Image

from inspection.images import image_files
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection
from inspection.products.stations import create_station
from inspection.scoring import score_recovery
from mltasks.vision.drawing import line
from mltasks.vision.drawing.plates import PartKind
from tests.labeling.conftest import make_product
from webapp.benchmarks.serving import crash_loads, parts, plot, processes, soak
from webapp.benchmarks.serving.load import RETRY_SECONDS, Load, post_images
from webapp.benchmarks.serving.measurement import LoadResult, cost_table, measure, step_lines


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
            keys = {"key": self.headers["Authorization"], "idempotency_key": self.headers["Idempotency-Key"]}
            content = json.dumps({"id": len(body), **keys}).encode()
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
    assert load.rate == 0 and load.unanswered == sum(load.statuses.values())


def test_benches_with_a_site_of_their_own_load_before_django_is_set_up() -> None:
    names = ("mutated.run", "replay.run", "serving.run", "serving.machines")
    modules = ", ".join(f"webapp.benchmarks.{name}" for name in names)
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-c", f"import {modules}"]
    ended = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_it_draws_a_lines_mix_that_no_training_has_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CROP_COUNT", 4)
    monkeypatch.setattr(parts, "FRAME_COUNT", 1)
    monkeypatch.setattr(parts, "TRAINING_COUNTS", (2, 1, 1))
    found = [*parts.draw_crops(tmp_path), *parts.draw_frames(tmp_path)]
    parts.write_training_set(tmp_path / "training")
    learned = list((tmp_path / "training").rglob("*.jpg"))
    sizes = [Image.open(path).size for path in found]
    assert sizes == [parts.CROP_SIZE] * 4 + [parts.FRAME_SIZE]
    assert len({path.read_bytes() for path in [*found, *learned]}) == 9
    assert sorted(path.parent.name for path in learned) == ["excess", "good", "good", "scratch"]
    seeds = {part.seed for part in line.labeled_set(parts.TRAINING_SEED)}
    assert seeds.isdisjoint(part.seed for part in parts._draw_line(4))


def test_one_part_in_twenty_is_defective(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "draw_part", lambda kind, _number: kind)
    drawn: list[Any] = parts._draw_line(200)
    assert Counter(drawn) == {PartKind.GOOD: 190, PartKind.SCRATCH: 5, PartKind.EXCESS: 5}
    # They come now and then, as on a line.
    assert drawn[:100].count(PartKind.GOOD) < 100 > drawn[100:].count(PartKind.GOOD)


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
    load = Load(1, answers=[(number, {"id": str(one.pk), "verdict": one.verdict}) for number, one in enumerate(made)])
    assert crash_loads.count_lost(load, paths) == 0
    # One file is damaged, one part was answered as another, one row is gone, one has another verdict.
    image_files.image_path(made[0]).write_bytes(b"other")
    load.answers[1] = (2, load.answers[1][1])
    Inspection.objects.filter(pk=made[2].pk).delete()
    load.answers[3] = (3, {"id": str(made[3].pk), "verdict": "PASS"})
    assert made[3].verdict == "REVIEW"
    assert crash_loads.count_lost(load, paths) == 4


@pytest.mark.django_db(transaction=True)
def test_it_gives_a_part_without_a_verdict_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CROP_COUNT", 1)
    monkeypatch.setattr(crash_loads, "RECOVERY_SECONDS", 1.0)
    paths = parts.draw_crops(tmp_path)
    decided = intake.receive(Submission(io.BytesIO(paths[0].read_bytes()), make_product()))
    file = ("image_name", "image_sha256", "image_format", "image_width", "image_height", "image_bytes")
    pending = Inspection.objects.create(product=decided.product, **{name: getattr(decided, name) for name in file})
    load = Load(1, answers=[(0, {"id": str(pending.pk), "verdict": decided.verdict})])
    assert crash_loads.count_lost(load, paths) == 1

    def sweep() -> None:
        time.sleep(0.3)
        score_recovery.recover_scoring()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        swept = pool.submit(sweep)
        assert crash_loads.count_lost(load, paths) == 0
        swept.result()


def test_a_part_is_sent_again_with_its_key_until_it_is_answered(server: str, tmp_path: Path) -> None:
    image = tmp_path / "part.jpg"
    image.write_bytes(b"x" * 1000)
    load = post_images(server, [image], 2, 1.0, {}, resend=True)
    assert load.statuses["503"] > 0 and load.unanswered == 0
    assert load.statuses["201"] == len(load.answers) > 0
    # A part that was refused first waited for its second answer.
    assert max(load.latencies_ms) >= 1000 * RETRY_SECONDS
    keys = Counter(str(answer["idempotency_key"]) for _, answer in load.answers)
    assert len(keys) == len(load.answers) and "None" not in keys


def test_a_load_is_measured_with_the_processor_time_of_its_server(server: str, tmp_path: Path) -> None:
    image = tmp_path / "part.jpg"
    image.write_bytes(b"x" * 1000)

    class ThisProcess:
        name, url = "Second Look", server

        def headers(self, kind: str) -> dict[str, str]:
            return {"X-Kind": kind}

        def web_processes(self) -> list[psutil.Process]:
            return [psutil.Process()]

        def cpu_seconds(self) -> dict[str, float]:
            return {"web": processes.cpu_seconds(self.web_processes()), "PostgreSQL": 0.0}

    found = measure(ThisProcess(), "crops", [image], 2, 0.5)
    assert 0 < found.core_ms["web"] * len(found.load.answers) / 1000 < 2 * found.load.seconds
    assert 0 < found.load.client_seconds < 2 * found.load.seconds
    assert found.memory > 10
    lines = cost_table([found, found])
    assert "PostgreSQL" in lines[0] and f"{found.core_ms['web']:.1f}" in lines[1] and len(lines) == 2
    [steps] = step_lines([found])
    assert steps.endswith("2 clients, median milliseconds: decode 2.0, total 5.5")


def test_processor_time_counts_ended_children() -> None:
    before = processes.cpu_seconds([psutil.Process()])
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    assert processes.cpu_seconds([psutil.Process()]) - before > 0.05


def test_a_web_server_is_found_by_its_port(server: str) -> None:
    port = int(server.split(":")[2].split("/")[0])
    assert processes.listens_on(psutil.Process(), port)
    assert not processes.listens_on(psutil.Process(), 9)


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
        for server, rate in (("Second Look", 12), ("fast path", 20), ("peer", 5))
    ]
    plot.plot_rates(tmp_path / "serving.svg", rows)
    text = (tmp_path / "serving.svg").read_text()
    assert text.count(">6.0<") == text.count(">10.0<") == 6 and "16 clients" in text and "peer" in text
