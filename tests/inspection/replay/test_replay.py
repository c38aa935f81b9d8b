"""A replay by a real version: what it scores, that it scores nothing twice, and that a killed one goes on."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from inspection.models import Inspection, Product, Replay, Rescore
from inspection.replay import replay, rescoring
from mltasks.models import ModelVersion
from mltasks.runs.execution import execute
from mltasks.runs.lease import RunNotAvailable
from mltasks.vision.serving.bundle import BundleCorrupt
from tests.inspection.conftest import Receive
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion, replace_file

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def candidate(product: Product, make_version: MakeVersion, receive: Receive) -> ModelVersion:
    """Six parts that a champion decided, and a newer version."""
    make_version(product, champion=True)
    for number in range(6):
        receive(jpeg(seed=number), part_id=f"P-{number}")
    return make_version(product)


def test_it_scores_what_the_candidate_has_not_and_writes_no_verdict(candidate: ModelVersion) -> None:
    before = list(Inspection.objects.order_by("pk").values())
    done = execute(replay.ReplayExecutor(), replay.start(candidate, enqueue=False))
    assert (done.state, done.figures["parts"], done.figures["missing"]) == ("succeeded", 6, 0)
    assert list(Inspection.objects.order_by("pk").values()) == before
    for row in Rescore.objects.select_related("inspection"):
        # Both versions are the same network.
        assert row.defect_probability == pytest.approx(row.inspection.defect_probability, abs=1e-6)
    assert Rescore.objects.filter(version=candidate).count() == Rescore.objects.count() == 6


def test_a_second_replay_scores_nothing_twice(candidate: ModelVersion, receive: Receive) -> None:
    execute(replay.ReplayExecutor(), replay.start(candidate, enqueue=False))
    first = set(Rescore.objects.values_list("pk", flat=True))
    receive(jpeg(seed=99))
    done = execute(replay.ReplayExecutor(), replay.start(candidate, enqueue=False))
    assert done.figures["parts"] == 7
    assert len(set(Rescore.objects.values_list("pk", flat=True)) - first) == 1
    assert "1 scores to compute, 13 stored" in done.log


def test_it_tells_of_each_part_from_the_first_on(candidate: ModelVersion) -> None:
    steps: list[tuple[float, str]] = []
    execute(
        replay.ReplayExecutor(),
        replay.start(candidate, enqueue=False),
        lambda step: steps.append((step.share, step.stage)),
    )
    assert steps[0] == (0.0, "6 scores to compute, 6 stored: loading the versions")
    scoring = [share for share, stage in steps if stage == "Scoring by version 2"]
    assert scoring == [pytest.approx(0.98 * number / 6) for number in range(1, 7)]


def test_it_takes_the_newest_and_the_labeled_before_others(candidate: ModelVersion, product: Product) -> None:
    parts = list(Inspection.objects.order_by("-received_at"))
    Inspection.objects.filter(pk=parts[4].pk).update(human_verdict="PASS")
    Inspection.objects.filter(pk=parts[5].pk).update(
        human_verdict="FAIL", holdout=True, received_at=timezone.now() - timedelta(days=400)
    )
    chosen = replay.choose_parts(product, days=30, max_parts=3)
    assert chosen == [parts[4].pk, parts[0].pk, parts[1].pk, parts[5].pk], "The locked part whatever its age."


def test_it_goes_on_where_a_killed_attempt_ended(candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescoring, "BATCH_SIZE", 2)
    run = replay.start(candidate, enqueue=False)

    def killed(step: object) -> None:
        if Rescore.objects.count() >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(replay.ReplayExecutor(), run, killed)
    kept = set(Rescore.objects.values_list("pk", flat=True))
    assert len(kept) == 4
    run.refresh_from_db()
    assert run.state == "failed"
    replay.retry(run)
    done = execute(replay.ReplayExecutor(), run)
    assert (done.state, done.figures["parts"]) == ("succeeded", 6)
    assert kept < set(Rescore.objects.values_list("pk", flat=True)) and Rescore.objects.count() == 6
    assert "2 scores to compute, 10 stored" in done.log
    with pytest.raises(RunNotAvailable):
        replay.retry(done)


def test_images_that_are_gone_are_told(candidate: ModelVersion) -> None:
    lost = Inspection.objects.first()
    assert lost is not None
    Inspection.objects.filter(pk=lost.pk).update(image_name="images/gone.jpg", image_sha256="0" * 64)
    figures = execute(replay.ReplayExecutor(), replay.start(candidate, enqueue=False)).figures
    assert (figures["parts"], figures["missing"], figures["unread"]) == (5, 1, 1)


def test_a_damaged_candidate_fails_and_says_so(candidate: ModelVersion) -> None:
    replace_file(Path(candidate.path) / "serving.bin", b"damaged")
    run = replay.start(candidate, enqueue=False)
    with pytest.raises(BundleCorrupt):
        execute(replay.ReplayExecutor(), run)
    run.refresh_from_db()
    assert run.state == "failed" and "serving.bin" in run.error


def test_what_can_not_be_replayed_is_refused(candidate: ModelVersion, product: Product) -> None:
    with pytest.raises(replay.ReplayRefused, match="1 to"):
        replay.start(candidate, days=0)
    replay.start(candidate, enqueue=False)
    with pytest.raises(replay.ReplayRefused, match="already"):
        replay.start(candidate)
    Inspection.objects.update(received_at=timezone.now() - timedelta(days=60))
    Replay.objects.update(state="failed")
    with pytest.raises(replay.ReplayRefused, match="no part"):
        replay.start(candidate)


def test_a_part_that_retention_removed_meanwhile_is_passed_over(candidate: ModelVersion) -> None:
    run = replay.start(candidate, enqueue=False)
    with transaction.atomic():
        Inspection.objects.filter(pk=run.parts[0]).delete()
    figures = execute(replay.ReplayExecutor(), run).figures
    assert (figures["parts"], figures["missing"]) == (5, 1)


def test_the_command_prints_the_figures(candidate: ModelVersion, product: Product) -> None:
    out, err = io.StringIO(), io.StringIO()
    call_command("replay", product.slug, "2", "--days", "1", stdout=out, stderr=err)
    assert '"parts": 6' in out.getvalue()
    with pytest.raises(CommandError, match="no version 9"):
        call_command("replay", product.slug, "9")
