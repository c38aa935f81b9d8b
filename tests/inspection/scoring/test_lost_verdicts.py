"""A verdict that a crash of the database server took back: recovery gives the one that was answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from inspection.models import Embedding, Inspection, Product, ScoreMaps
from inspection.products import products
from inspection.scoring import score_recovery, verdict_record
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import scorers
from mltasks.vision.serving.bundle import BundleCorrupt
from tests.inspection.conftest import Receive
from tests.inspection.scoring.scripted_scorer import scores

pytestmark = pytest.mark.django_db
ANSWERED = ("verdict", "reasons", "model_verdict", "model_version_id", "defect_probability", "novelty")


def set_costs(product: Product, **costs: float) -> None:
    for name, value in costs.items():
        setattr(product, name, value)
    products.change(product, by=None, reason="Other costs.")


def receive_and_lose(receive: Callable[[], Inspection]) -> Inspection:
    """Answer a part, and take its verdict back as a crash of the server before the sync does."""
    write = verdict_record.write_verdict

    def lost(*arguments: Any, **options: Any) -> bool:
        with transaction.atomic():
            written = write(*arguments, **options)
            transaction.set_rollback(True)
        return written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict_record, "write_verdict", lost)
        part = receive()
    stored = Inspection.objects.get(pk=part.pk)
    assert (stored.state, stored.verdict, stored.model_version_id) == ("pending", None, part.model_version_id)
    assert not ScoreMaps.objects.exists() and not Embedding.objects.exists()
    return part


def recover(part: Inspection) -> dict[str, Any]:
    Inspection.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert score_recovery.recover_scoring() == 1
    return answer(Inspection.objects.get(pk=part.pk))


def answer(part: Inspection) -> dict[str, Any]:
    return {name: getattr(part, name) for name in ANSWERED}


def promote_another(product: Product) -> ModelVersion:
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state="succeeded")
    ModelVersion.objects.filter(model=model).update(state="retired")
    return ModelVersion.objects.create(model=model, number=5, run=run, state="champion", bundle="none", sha256="1" * 64)


def test_it_is_given_again_by_the_same_version_costs_and_audits(
    product: Product, make_scripted_champion: Any, receive: Receive
) -> None:
    set_costs(product, audit_share=0.0, fail_audit_share=0.0)
    make_scripted_champion(scores(0.02), scores(0.02), scores(0.02))
    part = receive_and_lose(lambda: receive(product=product))
    assert part.verdict == "PASS"
    newer = promote_another(product)
    set_costs(product, fn_cost=99.0, review_cost=10.0)
    assert recover(part) == answer(part)
    assert ScoreMaps.objects.count() == Embedding.objects.count() == 1
    later = receive(product=product)
    assert (later.model_version, later.verdict) == (newer, "FAIL"), "The next part is decided by what holds now."


def test_it_is_given_by_the_champion_if_the_files_of_its_version_are_damaged(
    product: Product, make_scripted_champion: Any, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scripted_champion(scores(0.02), scores(0.97))
    part = receive_and_lose(receive)
    newer, get_scorer = promote_another(product), scorers.get_scorer

    def damaged(version: ModelVersion) -> Any:
        if version != newer:
            raise BundleCorrupt("serving.bin is damaged.")
        return get_scorer(version)

    monkeypatch.setattr(scorers, "get_scorer", damaged)
    found = recover(part)
    assert (found["model_version_id"], found["model_verdict"]) == (newer.pk, "FAIL")


@pytest.mark.parametrize(("has_champion", "commit"), [(True, "off"), (False, "on")])
def test_the_commit_is_synced_unless_recovery_can_repeat_the_verdict(
    has_champion: bool, commit: str, make_scripted_champion: Any, receive: Receive
) -> None:
    if has_champion:
        make_scripted_champion(scores(0.02))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        receive()
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == (commit,)
