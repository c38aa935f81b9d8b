"""Scoring: three attempts, one write, and a verdict that never changes."""

from __future__ import annotations

import io
import subprocess
import sys
import timeit
import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import InternalError, OperationalError, ProgrammingError, transaction
from django.db.models.functions import Now
from numpy.typing import NDArray

from inspection import intake, scoring, storage, sweeping
from inspection.models import Inspection, Product, Station
from inspection.policy import policy_of
from inspection.score_maps import ScoreMaps
from mltasks import serving
from mltasks.models import ModelVersion, TrainingRun
from mltasks.vision import images
from mltasks.vision.images import place
from mltasks.vision.learn import Learned
from mltasks.vision.maps import Maps, enlarge, pack, unpack
from mltasks.vision.promise import KEPT
from mltasks.vision.types import InputSize, Roi, Scores
from tests.inspection.conftest import Receive
from tests.inspection.pictures import jpeg
from tests.trained import MakeVersion, rewrite
from webapp.templatetags.charts import probability_bar


class Told:
    """A scorer that says what it is told: for routing and transitions only, the science has its own tests."""

    input_size = InputSize(64, 48)
    maps = Maps(np.eye(4, 3, dtype=np.float32), np.zeros((16, 12), np.float32))

    def __init__(self, *answers: Scores | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[NDArray[np.uint8]] = []

    def look(self, picture: NDArray[np.uint8]) -> tuple[Scores, Maps]:
        self.seen.append(picture)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, self.maps


def scores(probability: float, novel: bool = False) -> Scores:
    return Scores(probability, 0.002, 0.001 if novel else 0.003, 0.5, novel, 1.7 if novel else 0.6)


@pytest.fixture
def tell(product: Product, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the product a champion that says what the test wants."""
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state="succeeded")
    ModelVersion.objects.create(model=model, number=4, run=run, state="champion", bundle="none", sha256="0" * 64)

    def told(*answers: Scores | Exception, kind: type[Told] = Told) -> Told:
        scorer = kind(*answers)
        monkeypatch.setattr(scoring.serving, "scorer", lambda _: scorer)
        return scorer

    return told


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
    said: Scores, verdict: str, label: str, reasons: list[str], tell: Any, receive: Receive, product: Product
) -> None:
    Product.objects.update(audit_share=0)
    product.refresh_from_db()
    tell(said)
    row = Inspection.objects.get(pk=receive(product=product).pk)
    assert (row.state, row.verdict, row.label, row.reasons) == ("decided", verdict, label, reasons)
    assert row.defect_probability == said.defect_probability
    assert row.novel_defect_suspected == said.novel_defect_suspected
    assert (row.reconstruction_error, row.anomaly_threshold) == (said.reconstruction_error, said.anomaly_threshold)
    assert row.novelty == said.novelty
    assert row.model_version is not None
    assert row.model_version.number == 4
    assert (row.lease_token, row.lease_expires_at, row.attempt) == (None, None, 1)


def test_it_keeps_the_maps_it_decided_by_over_the_part_alone(tell: Any, receive: Receive) -> None:
    scorer = tell(scores(0.9))
    row = receive()
    kept = unpack(bytes(ScoreMaps.objects.get(inspection=row).packed))
    inside = place(row.image_width, row.image_height, scorer.input_size)
    # The mirrored margin is cut away, and the longest side has 48 cells.
    assert (inside.height, inside.width) == (64, 36)
    assert kept.evidence.shape == kept.anomaly.shape == (48, 27)
    wanted = scorer.maps.within(inside, scorer.input_size).evidence
    assert np.abs(enlarge(kept.evidence, *wanted.shape) - wanted).mean() < 0.1
    assert not kept.anomaly.any()


def test_it_keeps_no_maps_of_what_it_could_not_score(tell: Any, receive: Receive) -> None:
    tell(*[RuntimeError("no luck")] * 3)
    row = receive()
    assert (row.reasons, row.novelty, ScoreMaps.objects.count()) == (["scoring_failed"], None, 0)


def test_it_uses_the_costs_the_product_has_now(tell: Any, receive: Receive, product: Product) -> None:
    product.review_cost, product.fn_cost, product.audit_share = 10, 99, 0
    product.save()
    tell(scores(0.02))
    assert receive(product=product).verdict == "FAIL"


ESCAPES = {"lowest": [0.005, 0.012] + [0.5] * 98, "parts": 100}


@pytest.mark.parametrize(
    ("meta", "probability", "verdict"),
    [
        ({}, 0.02, "PASS"),
        ({"escapes": ESCAPES}, 0.012, "REVIEW"),
        ({"escapes": ESCAPES}, 0.0119, "PASS"),
        ({"escapes": {"lowest": [0.03] * 20, "parts": 20}}, 0.015, "REVIEW"),
        ({"escapes": {"lowest": [0.03] * 20, "parts": 20}}, 0.0149, "PASS"),
    ],
)
def test_it_keeps_the_products_promise(
    meta: dict[str, Any], probability: float, verdict: str, tell: Any, receive: Receive, product: Product
) -> None:
    product.audit_share = 0
    product.save()
    ModelVersion.objects.update(meta=meta)
    tell(scores(probability))
    assert receive(product=product).verdict == verdict


def test_a_product_that_promises_nothing_passes_by_costs(tell: Any, receive: Receive, product: Product) -> None:
    product.audit_share, product.escape_promise = 0, 1
    product.save()
    ModelVersion.objects.update(meta={"escapes": ESCAPES})
    tell(scores(0.039))
    assert receive(product=product).verdict == "PASS"


def test_the_lines_own_share_of_defects_moves_the_bands(tell: Any, receive: Receive, product: Product) -> None:
    product.audit_share, product.defect_rate = 0, 0.01
    product.save()
    ModelVersion.objects.update(meta={"training": {"good": 50, "defect": 50}})
    tell(scores(0.5))
    row = receive(product=product)
    # Of labels half defective 0.5 is what 1 % is on the line: below the 4 % from which a look pays.
    assert (row.verdict, row.label, row.defect_probability) == ("PASS", "PASS", 0.5)


def test_pages_draw_the_bands_that_route(tell: Any, product: Product) -> None:
    ModelVersion.objects.update(meta={"escapes": ESCAPES})
    version = ModelVersion.objects.get()
    bands = policy_of(product, version).bands
    drawn = probability_bar(product, version, 0.02)
    assert (drawn["low"], drawn["high"]) == (bands.low, bands.high) == (pytest.approx(0.012), pytest.approx(0.8))
    assert probability_bar(product, None, None)["low"] == pytest.approx(0.04)


def test_the_policy_takes_microseconds(tell: Any, product: Product) -> None:
    version = ModelVersion(meta={"escapes": {"lowest": [n / KEPT for n in range(KEPT)], "parts": 9000}})
    policy_of(product, version)
    best = min(timeit.repeat(lambda: policy_of(product, version), number=20, repeat=5)) / 20
    print(f"{best * 1e6:.0f} microseconds")
    assert best < 1e-3


def test_audits_take_the_share_of_sure_passes(tell: Any, receive: Receive, product: Product) -> None:
    product.audit_share = 1
    product.save()
    tell(scores(0.01))
    row = receive(product=product)
    assert (row.verdict, row.label, row.reasons) == ("REVIEW", "PASS", ["audit_sample"])


def test_it_scores_the_stations_region_as_it_was_at_intake(tell: Any, station: Station, receive: Receive) -> None:
    Station.objects.update(roi="10,20,200,100")
    station.refresh_from_db()
    scorer = tell(scores(0.01))
    row = receive()
    assert row.roi == "10,20,200,100"
    expected = images.decode(io.BytesIO(jpeg()), roi=Roi(10, 20, 200, 100), size=Told.input_size)
    assert np.array_equal(scorer.seen[0], expected)


def test_the_sweeper_scores_the_same_pixels(tell: Any, receive: Receive) -> None:
    scorer = tell(scores(0.01), scores(0.01))
    row = receive()
    again = Inspection.objects.create(
        product=row.product,
        **{name: getattr(row, name) for name in ("image_name", "image_sha256", "image_format", "roi")},
        **{name: getattr(row, name) for name in ("image_width", "image_height", "image_bytes")},
    )
    assert sweeping.sweep() == 1
    again.refresh_from_db()
    assert again.state == "decided"
    assert np.array_equal(scorer.seen[0], scorer.seen[1])


def test_a_failed_attempt_is_tried_again_and_noted(tell: Any, receive: Receive) -> None:
    tell(RuntimeError("out of luck"), scores(0.9))
    row = receive()
    assert (row.verdict, row.attempt) == ("FAIL", 2)
    assert row.scoring_error == "Attempt 1: RuntimeError: out of luck"


def test_after_three_failures_a_person_decides(tell: Any, receive: Receive) -> None:
    tell(*[RuntimeError(f"failure {number}") for number in range(3)])
    row = Inspection.objects.get(pk=receive().pk)
    assert (row.state, row.verdict, row.reasons) == ("decided", "REVIEW", ["scoring_failed"])
    assert (row.label, row.defect_probability, row.model_version) == (None, None, None)
    assert row.attempt == 3
    assert "failure 2" in row.scoring_error


def test_scores_that_are_no_numbers_never_pass(tell: Any, receive: Receive) -> None:
    tell(*[scores(float("nan"))] * 3)
    assert receive().reasons == ["scoring_failed"]


def test_a_damaged_bundle_sends_parts_to_a_person(
    receive: Receive, product: Product, make_version: MakeVersion
) -> None:
    version = make_version(product, champion=True)
    rewrite(version.path / "serving.bin", b"damaged")
    row = receive()
    assert (row.reasons, row.novelty) == (["scoring_failed"], None)
    assert "BundleCorrupt" in row.scoring_error


def test_a_real_version_scores_and_its_maps_are_kept(
    receive: Receive, product: Product, make_version: MakeVersion
) -> None:
    version = make_version(product, champion=True)
    row = Inspection.objects.get(pk=receive().pk)
    size = serving.scorer(version).input_size
    with storage.image_path(row).open("rb") as stream:
        loaded = images.load(stream, size=size)
    said, found = serving.scorer(version).look(loaded.array(size))

    assert (row.model_version, row.attempt) == (version, 1)
    assert row.defect_probability == pytest.approx(said.defect_probability, abs=1e-6)
    assert row.novelty == pytest.approx(said.novelty, rel=1e-5)
    assert row.novel_defect_suspected == (said.novelty > 1)
    stored = bytes(ScoreMaps.objects.get(inspection=row).packed)
    assert stored == pack(found, loaded.placement(size), size)
    inside = loaded.placement(size)
    longest = max(inside.width, inside.height)
    assert max(unpack(stored).evidence.shape) == min(48, longest)


def test_a_database_that_goes_away_is_no_failure_of_the_part(tell: Any, receive: Receive) -> None:
    tell(OperationalError("the server closed the connection"))
    with pytest.raises(OperationalError):
        receive()
    row = Inspection.objects.get()
    assert (row.state, row.attempt, row.scoring_error) == ("pending", 1, "")


def test_who_lost_the_lease_writes_nothing(tell: Any, receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(scores(0.01), scores(0.99))
    outcome = scoring._outcome

    def taken_meanwhile(inspection: Inspection, frame: Any) -> scoring.Outcome:
        mine = outcome(inspection, frame)
        monkeypatch.setattr(scoring, "_outcome", outcome)
        Inspection.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
        assert sweeping.sweep() == 1
        return mine

    monkeypatch.setattr(scoring, "_outcome", taken_meanwhile)
    row = receive()
    assert row.defect_probability == 0.99, "The sweeper's verdict stands, and is what the sender is told."
    assert Inspection.objects.get().verdict == "FAIL"
    assert ScoreMaps.objects.count() == 1, "The loser's maps are not kept."


def test_who_lost_the_lease_while_it_failed_stops(tell: Any, receive: Receive) -> None:
    class Thief(Told):
        def look(self, picture: NDArray[np.uint8]) -> tuple[Scores, Maps]:
            Inspection.objects.update(lease_token=uuid.uuid4())
            return super().look(picture)

    thief = tell(RuntimeError("once"), scores(0.5), kind=Thief)
    with pytest.raises(intake.InProgress):
        receive()
    assert len(thief.seen) == 1
    assert Inspection.objects.get().scoring_error == ""


def test_it_refuses_to_score_what_nobody_leased(receive: Receive) -> None:
    row = receive()
    with pytest.raises(ValueError, match="not leased"):
        scoring.score(row)


@pytest.mark.parametrize("change", [{"verdict": "PASS"}, {"reasons": []}, {"state": "pending"}, {"label": "PASS"}])
def test_the_database_keeps_a_verdict_final(change: dict[str, Any], receive: Receive) -> None:
    row = receive()
    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
        Inspection.objects.filter(pk=row.pk).update(**change)
    Inspection.objects.filter(pk=row.pk).update(settled_at=Now())


def test_a_missing_file_sends_the_part_to_a_person(tell: Any, receive: Receive) -> None:
    tell(*[scores(0.01)] * 3)
    row = receive()
    Inspection.objects.create(product=row.product, image_name="images/gone.jpg", image_sha256="0", image_format="JPEG",
                              image_width=1, image_height=1, image_bytes=1)  # fmt: skip
    assert not storage.image_path(row).with_name("gone.jpg").exists()
    assert sweeping.sweep() == 1
    lost = Inspection.objects.get(image_name="images/gone.jpg")
    assert lost.reasons == ["scoring_failed"]
    assert "FileNotFoundError" in lost.scoring_error


def test_scoring_never_imports_torch(learned: Learned) -> None:
    script = (
        "import os, sys, numpy, pathlib, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'webapp.settings'; "
        "django.setup(); import inspection.api_urls, inspection.tasks, inspection.admin; "
        "from mltasks.vision.scorer import Scorer; "
        f"scorer = Scorer.load(pathlib.Path({str(learned.bundle_dir)!r})); "
        "image = numpy.zeros((*scorer.input_size[:2], 3), numpy.uint8); scorer.score([image]); scorer.maps(image); "
        "print({'openvino', 'torch', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "{'openvino'}", done.stderr
