"""A fast path answers PASS alone where it is sure, and never anything else; the full graph scores the part later."""

from __future__ import annotations

from typing import Any

import pytest

from inspection.models import Inspection, Product, ScoreMaps
from inspection.products import products, routing
from inspection.products.bands import product_bands, serving_fast_path
from inspection.scoring import deadlines, deferred_scoring, scoring
from mltasks.models import ModelVersion
from mltasks.registry import registry
from mltasks.vision.serving import bundle
from tests.inspection.conftest import Receive, Sender
from tests.inspection.sample_images import damaged_jpeg, jpeg
from tests.inspection.scoring.drawn_fast_path import PASSES_ALL, PASSES_NONE, add_fast_path
from tests.tiny_model import MakeVersion, replace_file


@pytest.fixture
def champion(product: Product, make_version: MakeVersion) -> ModelVersion:
    product.audit_share = product.fail_audit_share = 0.0
    product.save()
    return make_version(product, champion=True)


def test_it_passes_a_part_alone_and_the_full_graph_scores_it_later(
    product: Product, champion: ModelVersion, receive: Receive
) -> None:
    scored = receive(jpeg(seed=1))
    learned = add_fast_path(product, champion)

    part = receive(jpeg(seed=1))

    assert (part.verdict, part.reasons, part.model_verdict, part.defect_probability) == ("PASS", [], None, None)
    assert (part.fast_path, part.model_version, part.scoring_deferred) == (learned, champion, True)
    assert 0 < (part.screening_logit or 0) < PASSES_ALL
    assert not ScoreMaps.objects.filter(pk=part.pk).exists()
    assert deferred_scoring.score_deferred_parts() == 1
    row = Inspection.objects.get(pk=part.pk)
    assert (row.verdict, row.defect_probability) == ("PASS", scored.defect_probability)
    assert row.model_verdict == scored.model_verdict
    assert row.full_graph_passes == (scored.verdict == "PASS")
    assert ScoreMaps.objects.filter(pk=part.pk).exists()


def test_a_passed_part_is_stored_with_its_verdict(
    product: Product, champion: ModelVersion, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One commit: no crash leaves it without the verdict that was answered."""
    add_fast_path(product, champion)
    monkeypatch.setattr(scoring, "score", lambda *_: pytest.fail("A part with a verdict needs no scoring."))

    part = receive(jpeg(seed=1))

    row = Inspection.objects.get(pk=part.pk)
    assert (row.state, row.verdict, row.attempt) == (Inspection.State.DECIDED, "PASS", 0)
    assert (row.lease_token, row.lease_expires_at) == (None, None)
    assert row.decided_at is not None and (row.latency_ms or 0) > 0


def test_an_error_of_the_fast_path_loses_no_part(
    product: Product, champion: ModelVersion, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = receive(jpeg(seed=1))
    add_fast_path(product, champion)
    monkeypatch.setattr("mltasks.vision.serving.screener.Screener.logit", _fail)

    part = receive(jpeg(seed=1))

    assert _answer(part) == _answer(before)
    assert part.fast_path is None


def _fail(*_: object) -> float:
    raise RuntimeError("The processor lacks an instruction.")


def test_a_station_gets_the_answer(product: Product, champion: ModelVersion, sender: Sender) -> None:
    add_fast_path(product, champion)

    answer = sender.send(jpeg(seed=3))

    assert answer.status_code == 201
    assert answer.json()["verdict"] == "PASS"


def test_the_full_graph_answers_what_it_is_not_sure_of(
    product: Product, champion: ModelVersion, receive: Receive
) -> None:
    before = receive(jpeg(seed=1))
    add_fast_path(product, champion, PASSES_NONE)

    part = receive(jpeg(seed=1))

    assert (part.fast_path, part.screening_logit, part.scoring_deferred) == (None, None, False)
    assert (part.verdict, part.reasons, part.defect_probability) == (
        *(before.verdict, before.reasons, before.defect_probability),
    )


def test_it_never_answers_fail(product: Product, champion: ModelVersion, receive: Receive) -> None:
    for line in (PASSES_ALL, 100.0, PASSES_NONE):
        add_fast_path(product, champion, line)
        for seed in range(4):
            receive(jpeg(seed=seed))

    by_fast_path = Inspection.objects.filter(fast_path__isnull=False)
    assert by_fast_path.exists()
    assert set(by_fast_path.values_list("verdict", flat=True)) == {"PASS"}


def test_switching_it_off_changes_no_verdict_of_the_full_graph(
    product: Product, champion: ModelVersion, receive: Receive
) -> None:
    before = [_answer(receive(jpeg(seed=seed))) for seed in range(6)]
    bands = product_bands(product, champion)
    add_fast_path(product, champion)
    receive(jpeg(seed=9))
    product.fast_path_enabled = False
    product.save()

    assert product_bands(product, champion) == bands
    assert [_answer(receive(jpeg(seed=seed))) for seed in range(6)] == before


def test_beside_it_the_full_graph_keeps_half_of_the_promise(product: Product, champion: ModelVersion) -> None:
    alone = product_bands(product, champion)
    learned = add_fast_path(product, champion)

    beside = product_bands(product, champion)

    assert beside.low <= alone.low and beside.novelty_line <= alone.novelty_line
    assert learned.meta["policy"]["promise"] == {"rate": 0.05, "confidence": 0.95}


def test_passing_counts_not_as_time_of_the_full_graph(
    product: Product, champion: ModelVersion, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "scoring_seconds", deadlines.RecentMedian())
    learned = add_fast_path(product, champion)

    assert receive(jpeg(seed=1)).fast_path == learned
    assert deadlines.scoring_seconds.value() == 0.0
    product.fast_path_enabled = False
    product.save()
    receive(jpeg(seed=2))
    assert deadlines.scoring_seconds.value() > 0.0


def test_the_audit_sample_takes_the_full_graph(product: Product, champion: ModelVersion, receive: Receive) -> None:
    product.audit_share = 1.0
    product.save()
    add_fast_path(product, champion)

    assert receive(jpeg(seed=1)).fast_path is None


def test_every_part_that_a_fail_would_audit_takes_the_full_graph() -> None:
    assert routing.may_be_audited(0.0, 0.5, audit_value=0.49)
    assert not routing.may_be_audited(0.0, 0.5, audit_value=0.5)


def test_a_damaged_image_takes_the_full_graph(product: Product, champion: ModelVersion, receive: Receive) -> None:
    add_fast_path(product, champion)

    part = receive(damaged_jpeg())

    assert part.fast_path is None
    assert "damaged_image" in part.reasons


def test_it_is_off_after_a_promotion(
    product: Product, champion: ModelVersion, make_version: MakeVersion, receive: Receive
) -> None:
    add_fast_path(product, champion)
    registry.promote(make_version(product), by=None, reason="newer", override="a test")

    assert receive(jpeg(seed=1)).fast_path is None


@pytest.mark.parametrize(
    "changed", [{"fn_cost": 50.0}, {"escape_promise": 0.02}, {"fast_path_leak": 0.001}, {"fast_path_enabled": False}]
)
def test_it_is_off_after_a_change_of_the_policy(
    changed: dict[str, Any], product: Product, champion: ModelVersion
) -> None:
    learned = add_fast_path(product, champion)
    assert serving_fast_path(product, champion) == learned

    for name, value in changed.items():
        setattr(product, name, value)

    assert serving_fast_path(product, champion) is None


def test_damaged_files_leave_all_parts_to_the_full_graph(
    product: Product, champion: ModelVersion, receive: Receive
) -> None:
    learned = add_fast_path(product, champion)
    replace_file(learned.path / bundle.META, b"{}")

    part = receive(jpeg(seed=1))

    assert (part.state, part.fast_path) == ("decided", None)
    assert part.defect_probability is not None


def test_after_a_crash_the_full_graph_answers_as_it_may_have_answered_before(
    product: Product, champion: ModelVersion, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = receive(jpeg(seed=1))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(scoring, "write_verdict", _interrupt)
        receive(jpeg(seed=1))
    # Learned since, it would answer PASS.
    add_fast_path(product, champion)
    waiting = Inspection.objects.select_related("product").get(state="pending")

    part = scoring.score(waiting)

    assert (_answer(part), part.fast_path) == (_answer(full), None)
    assert products.settings_at(product, waiting.received_at).fast_path is None


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _answer(part: Inspection) -> tuple[Any, ...]:
    return part.verdict, part.reasons, part.defect_probability, part.novelty
