"""One write: scores, verdict, version and maps."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from django.db import InternalError, ProgrammingError, transaction
from django.db.models.functions import Now

from inspection.images import image_files
from inspection.models import Embedding, Inspection, Product, ScoreMaps, Station
from inspection.scoring import score_recovery
from mltasks.registry import scorers
from mltasks.vision.data import decoding
from mltasks.vision.data.decoding import fit_placement
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving.heatmaps import decode_heatmaps, encode_heatmaps, upscale
from mltasks.vision.types import Roi, Scores
from tests.inspection.conftest import Receive
from tests.inspection.sample_images import jpeg
from tests.inspection.scoring.scripted_scorer import ScriptedScorer, scores
from tests.tiny_model import MakeVersion


@pytest.mark.parametrize(
    ("said", "verdict", "label", "reasons"),
    [
        (scores(0.01), "PASS", "PASS", []),
        (scores(0.9), "FAIL", "FAIL", []),
        (scores(0.1), "REVIEW", "PASS", ["low_confidence"]),
        (scores(0.7), "REVIEW", "FAIL", ["low_confidence"]),
        (scores(0.01, novel=True), "REVIEW", "PASS", ["novel_anomaly"]),
        (scores(0.7, novel=True), "REVIEW", "FAIL", ["low_confidence", "novel_anomaly"]),
    ],
)
def test_it_writes_scores_verdict_and_version(
    said: Scores,
    verdict: str,
    label: str,
    reasons: list[str],
    make_scripted_champion: Any,
    receive: Receive,
    product: Product,
) -> None:
    Product.objects.update(audit_share=0)
    product.refresh_from_db()
    make_scripted_champion(said)
    row = Inspection.objects.get(pk=receive(product=product).pk)
    assert (row.state, row.verdict, row.model_verdict, row.reasons) == ("decided", verdict, label, reasons)
    assert row.defect_probability == said.defect_probability
    assert row.novel_defect_suspected == said.novel_defect_suspected
    assert (row.reconstruction_error, row.anomaly_threshold) == (said.reconstruction_error, said.anomaly_threshold)
    assert row.novelty == said.novelty
    assert row.model_version is not None
    assert row.model_version.number == 4
    assert (row.lease_token, row.lease_expires_at, row.attempt) == (None, None, 1)


def test_it_keeps_the_maps_it_decided_by_over_the_part_alone(make_scripted_champion: Any, receive: Receive) -> None:
    scorer = make_scripted_champion(scores(0.9))
    row = receive()
    kept = decode_heatmaps(bytes(ScoreMaps.objects.get(inspection=row).packed))
    inside = fit_placement(row.image_width, row.image_height, scorer.input_size)
    # The mirrored margin is cut away, and the longest side has 64 cells.
    assert (inside.height, inside.width) == (64, 36)
    assert kept.evidence.shape == kept.anomaly.shape == (64, 36)
    wanted = scorer.maps.crop_to(inside, scorer.input_size).evidence
    assert np.abs(upscale(kept.evidence, *wanted.shape) - wanted).mean() < 0.1
    assert not kept.anomaly.any()


def test_it_keeps_no_maps_of_what_it_could_not_score(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(*[RuntimeError("no luck")] * 3)
    row = receive()
    assert (row.reasons, row.novelty, ScoreMaps.objects.count()) == (["scoring_failed"], None, 0)
    assert not Embedding.objects.exists()


def test_a_version_that_draws_no_points_scores_all_the_same(
    make_scripted_champion: Any, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedScorer, "embedding_space", "")
    make_scripted_champion(scores(0.9))
    assert receive().verdict == "FAIL"
    assert not Embedding.objects.exists()


def test_it_scores_the_stations_region_as_it_was_at_intake(
    make_scripted_champion: Any, station: Station, receive: Receive
) -> None:
    Station.objects.update(roi="10,20,200,100")
    station.refresh_from_db()
    scorer = make_scripted_champion(scores(0.01))
    row = receive()
    assert row.roi == "10,20,200,100"
    expected = decoding.decode(io.BytesIO(jpeg()), roi=Roi(10, 20, 200, 100), size=ScriptedScorer.input_size)
    assert np.array_equal(scorer.images[0], expected)


def test_the_sweeper_scores_the_same_pixels(make_scripted_champion: Any, receive: Receive) -> None:
    scorer = make_scripted_champion(scores(0.01), scores(0.01))
    row = receive()
    again = Inspection.objects.create(
        product=row.product,
        **{name: getattr(row, name) for name in ("image_name", "image_sha256", "image_format", "roi")},
        **{name: getattr(row, name) for name in ("image_width", "image_height", "image_bytes")},
    )
    assert score_recovery.recover_scoring() == 1
    again.refresh_from_db()
    assert again.state == "decided"
    assert np.array_equal(scorer.images[0], scorer.images[1])


def test_a_real_version_scores_and_its_maps_are_kept(
    receive: Receive, product: Product, make_version: MakeVersion
) -> None:
    version = make_version(product, champion=True)
    row = Inspection.objects.get(pk=receive().pk)
    size = scorers.get_scorer(version).input_size
    with image_files.image_path(row).open("rb") as stream:
        loaded = decoding.load(stream, size=size)
    said, found, point = scorers.get_scorer(version).predict(loaded.to_array(size))

    assert (row.model_version, row.attempt) == (version, 1)
    assert row.defect_probability == pytest.approx(said.defect_probability, abs=1e-6)
    assert row.novelty == pytest.approx(said.novelty, rel=1e-5)
    assert row.novel_defect_suspected == (said.novelty > 1)
    stored = bytes(ScoreMaps.objects.get(inspection=row).packed)
    assert stored == encode_heatmaps(found, loaded.placement(size), size)
    kept = Embedding.objects.get(inspection=row)
    assert (kept.product, kept.space, kept.target) == (product, version.meta["embedding"]["space"], None)
    # 16 bits each
    assert kept.vector == pytest.approx(point, abs=1e-3)
    inside = loaded.placement(size)
    longest = max(inside.width, inside.height)
    assert max(decode_heatmaps(stored).evidence.shape) == min(64, longest)


@pytest.mark.parametrize(
    "change", [{"verdict": "PASS"}, {"reasons": []}, {"state": "pending"}, {"model_verdict": "PASS"}]
)
def test_the_database_keeps_a_verdict_final(change: dict[str, Any], receive: Receive) -> None:
    row = receive()
    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
        Inspection.objects.filter(pk=row.pk).update(**change)
    Inspection.objects.filter(pk=row.pk).update(resolved_at=Now())


def test_scoring_never_imports_torch(learned: LearnedVersion) -> None:
    script = (
        "import os, sys, numpy, pathlib, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'webapp.settings'; "
        "django.setup(); import inspection.api.urls, inspection.tasks, inspection.admin; "
        "from mltasks.vision.serving.scorer import Scorer; "
        f"scorer = Scorer.load(pathlib.Path({str(learned.bundle_dir)!r})); "
        "image = numpy.zeros((*scorer.input_size[:2], 3), numpy.uint8); scorer.score([image]); scorer.maps(image); "
        "print({'openvino', 'torch', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "{'openvino'}", done.stderr
