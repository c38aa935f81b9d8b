"""The whole loop over HTTP: image in, verdict out, reviewed, retrained, promoted, scored by the new version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from mltasks.vision.drawing.line import write_image_folder
from tests.loop.site import ADMIN, Site, wait_for
from tests.tiny_model import small_parts

pytestmark = [pytest.mark.slow(25), pytest.mark.timeout(900)]

PRODUCT = "loop-case"
# The whole recipe, for little time; each score set takes a graph
QUICK = {
    "dense_epochs": 2,
    "folds": 2,
    "views": 2,
    "autoencoder_epochs": 2,
    "trade_points": 2,
    "height": 96,
    "width": 96,
}
# Where it need not be whole again
PLAIN = {"companion": "", "detectors": ["memory"], "trade_points": 0, "precision": "f32"}
REVIEWED = 20


@pytest.fixture(scope="module")
def access_keys(site: Site) -> tuple[str, str]:
    """The key of the product's one station, and a REST token of the first admin; the first labels are imported."""
    folder = site.folder / "labeled"
    write_image_folder(folder, small_parts(1, good=10, scratch=5, excess=5))
    made = site.manage_all(
        ("create_product", PRODUCT),
        ("import_images", PRODUCT, str(folder)),
        ("create_station", PRODUCT, "line-1"),
        ("drf_create_token", ADMIN[0]),
    )
    # Reviews cost nothing here, so that asking a person is always cheapest: every part waits for one.
    site.query("UPDATE inspection_product SET review_cost = 0 WHERE slug = %s", PRODUCT)
    return made[2].strip(), made[3].split()[2]


@pytest.fixture(scope="module")
def new_parts(site: Site) -> list[Path]:
    """Images that no label knows."""
    folder = site.folder / "stream"
    write_image_folder(folder, small_parts(2, good=12, scratch=6, excess=6))
    return sorted(folder.rglob("*.jpg"))


def _train_and_promote(site: Site, token: str, number: int, settings: dict[str, Any], override: str = "") -> None:
    """Hand a training to the worker, wait for its version and promote it over REST; ``override`` is why the gate may be
    passed, which is closed then."""
    site.query("UPDATE inspection_product SET training_settings = %s WHERE slug = %s", Jsonb(settings), PRODUCT)
    site.manage("retrain", PRODUCT, "--queue")
    versions = f"/api/v1/models/{PRODUCT}/versions/"

    def made() -> Any:
        answer = site.get(f"{versions}{number}/", token=token)
        return answer if answer.status == 200 else None

    wait_for(f"version {number}", made, timeout=400)
    report = site.get(f"{versions}{number}/report/", token=token)
    assert report.status == 200
    assert "fold" in json.dumps(report.body), "The report must say that it was cross-validated."
    promote, reason = f"{versions}{number}/promote/", {"reason": "The loop's test."}
    if override:
        closed = site.post(promote, reason, token=token)
        assert (closed.status, closed.body["code"]) == (409, "gate_closed"), closed
        detail = closed.body["detail"]
        assert f"manage.py replay {PRODUCT} {number}" in detail or "A replay of the version is in progress" in detail
        reason |= {"override": override}
    promoted = site.post(promote, reason, token=token)
    assert promoted.status in {200, 201}, promoted
    assert promoted.body["override"] == override


def _review(site: Site, token: str) -> None:
    claimed = site.post("/api/v1/queue/claim/", {"product": PRODUCT}, token=token)
    assert claimed.status == 200, claimed
    verdict = site.post(
        f"/api/v1/queue/{claimed.body['claim']}/verdict/", {"verdict": "PASS", "comment": "seen"}, token=token
    )
    assert verdict.status == 201, verdict


def test_the_loop_learns_from_what_people_say(site: Site, access_keys: tuple[str, str], new_parts: list[Path]) -> None:
    key, token = access_keys
    first = site.send(new_parts[0], key=key, part_id="before-any-model")
    assert first.status == 201, first
    assert (first.body["verdict"], first.body["reasons"]) == ("REVIEW", ["no_model"])

    _train_and_promote(site, token, 1, QUICK)
    for path in new_parts:
        answer = site.send(path, key=key)
        assert answer.status == 201
        assert answer.body["model_version"] == 1
        assert 0 <= answer.body["defect_probability"] <= 1

    for _ in range(REVIEWED):
        _review(site, token)

    _train_and_promote(site, token, 2, QUICK | PLAIN, override="It learned from all that people said.")
    snapshot = site.get(f"/api/v1/models/{PRODUCT}/versions/2/", token=token)
    assert snapshot.status == 200
    answer = site.send(new_parts[0], key=key, part_id="after")
    assert answer.body["model_version"] == 2

    seed_answer = site.send(new_parts[1], key=key, path="/predict")
    assert seed_answer.status == 200
    assert set(seed_answer.body) == {
        "label", "defect_probability", "reconstruction_error", "anomaly_threshold", "novel_defect_suspected",
    }  # fmt: skip


def test_it_stops_within_ten_seconds_and_leaves_no_process(site: Site) -> None:
    family = site.processes()
    assert len(family) > 5
    assert site.stop() < 10
    left = [process for process in family if process.is_running() and process.status() != "zombie"]
    assert left == []
