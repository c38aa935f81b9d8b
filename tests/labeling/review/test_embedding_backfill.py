"""Labeled parts and the front of the queue get their points in the champion's space, bounded, and one by one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from inspection.intake.image_import import import_image
from inspection.intake.submission import Submission
from inspection.models import Embedding, Inspection, Product
from inspection.scoring import part_embeddings
from labeling.models import Label
from labeling.review import embedding_backfill, review
from mltasks.models import ModelVersion, TrainingRun
from mltasks.vision.serving.scorer import ScoredImage
from mltasks.vision.types import InputSize
from tests.inspection.embeddings import unit_vector
from tests.inspection.scoring.scripted_scorer import ScriptedScorer, scores
from tests.labeling.conftest import make_part, make_product


class FixedEmbeddingScorer(ScriptedScorer):
    """A scorer that sees every part at the same point, and counts them."""

    input_size = InputSize(32, 32)
    embedding = unit_vector(0.5)

    def predict(self, picture: Any, slot_request: object = None) -> ScoredImage:
        self.answers = [scores(0.5)]
        return super().predict(picture)


@pytest.fixture(autouse=True)
def scorer(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[FixedEmbeddingScorer]:
    settings.MEDIA_ROOT = tmp_path
    made = FixedEmbeddingScorer()
    monkeypatch.setattr(embedding_backfill.scorers, "get_batch_scorer", lambda _: made)
    embedding_backfill._positions.clear()
    yield made
    embedding_backfill._positions.clear()


@pytest.fixture
def champion(product: Product) -> ModelVersion:
    return make_champion(product)


def make_champion(product: Product, space: str = "told") -> ModelVersion:
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state="succeeded")
    fields = {"number": 1, "run": run, "state": "champion", "sha256": "0" * 64}
    return ModelVersion.objects.create(model=model, meta={"embedding": {"space": space}}, **fields)


def set_embedding_space(version: ModelVersion, space: str) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(meta={"embedding": {"space": space}})


def make_labeled_parts(product: Product, count: int, verdict: str = "FAIL") -> list[Inspection]:
    """Labeled parts that serving never saw."""
    parts = []
    for _ in range(count):
        stream = io.BytesIO()
        noise = np.random.default_rng(Inspection.objects.count()).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(stream, "PNG")
        stream.seek(0)
        parts.append(import_image(Submission(stream, product, filename="a.png")))
    source = Label.Source.IMPORT
    Label.objects.bulk_create(Label(inspection=part, verdict=verdict, source=source) for part in parts)
    return parts


def embeddings() -> dict[Any, tuple[str, int | None]]:
    return {row.pk: (row.space, row.target) for row in Embedding.objects.all()}


def test_imported_parts_get_points_and_what_their_labels_say(champion: ModelVersion, product: Product) -> None:
    bad, good = make_labeled_parts(product, 2), make_labeled_parts(product, 1, "PASS")
    assert embedding_backfill.backfill_embeddings() == 3
    assert embeddings() == {bad[0].pk: ("told", 1), bad[1].pk: ("told", 1), good[0].pk: ("told", 0)}
    assert Embedding.objects.first().vector == pytest.approx(unit_vector(0.5), abs=1e-3)  # type: ignore[union-attr]
    assert embedding_backfill.backfill_embeddings() == 0


def test_labeled_parts_come_first_then_the_front_of_the_queue(
    champion: ModelVersion, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_backfill, "LABELED_PER_RUN", 2)
    monkeypatch.setattr(embedding_backfill, "WAITING_PER_RUN", 1)
    waiting = [make_part(product) for _ in range(2)]
    labeled = make_labeled_parts(product, 3)
    assert embedding_backfill.backfill_embeddings() == 3
    assert set(embeddings()) == {labeled[0].pk, labeled[1].pk, waiting[0].pk}
    assert embedding_backfill.backfill_embeddings() == 2
    assert set(embeddings()) == {part.pk for part in [*labeled, *waiting]}
    assert embedding_backfill.backfill_embeddings() == 0


def test_a_new_space_draws_all_labeled_and_waiting_parts_anew(
    champion: ModelVersion, product: Product, scorer: FixedEmbeddingScorer
) -> None:
    labeled, waiting = make_labeled_parts(product, 2), make_part(product)
    embedding_backfill.backfill_embeddings()
    set_embedding_space(champion, "other")
    assert embedding_backfill.backfill_embeddings() == 3
    assert embeddings() == {labeled[0].pk: ("other", 1), labeled[1].pk: ("other", 1), waiting.pk: ("other", None)}
    assert len(scorer.images) == 4, "The waiting part has no image here."


def test_an_image_that_is_gone_is_not_tried_again(
    champion: ModelVersion, product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    part = make_part(product)
    assert (embedding_backfill.backfill_embeddings(), embedding_backfill.backfill_embeddings()) == (1, 0)
    assert part_embeddings.has_no_embedding(Embedding.objects.get(pk=part.pk))
    assert caplog.text.count(f"Could not compute the embedding of part {part.pk}") == 1


def test_a_label_from_before_the_verdict_is_put_right(champion: ModelVersion, product: Product, ada: User) -> None:
    part = make_part(product)
    review.correct(part, by=ada, verdict="FAIL")
    part_embeddings.save_embedding(part, "told", unit_vector(0.1))
    assert embeddings() == {part.pk: ("told", None)}
    assert embedding_backfill.backfill_embeddings() == 0
    assert embeddings() == {part.pk: ("told", 1)}


def test_one_products_trouble_costs_no_others(
    champion: ModelVersion, product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_product("tile")
    broken = make_champion(other, "broken")
    make_labeled_parts(other, 1)
    (part,) = make_labeled_parts(product, 1)
    sound = embedding_backfill.scorers.get_batch_scorer(champion)

    def scorer_of(version: ModelVersion) -> ScriptedScorer:
        if version == broken:
            raise RuntimeError("its files are gone")
        return sound  # type: ignore[return-value]

    monkeypatch.setattr(embedding_backfill.scorers, "get_batch_scorer", scorer_of)
    assert embedding_backfill.backfill_embeddings() == 1
    assert set(embeddings()) == {part.pk}
    assert "The embeddings of the parts of Tile could not be computed" in caplog.text


def test_a_database_that_is_away_is_no_products_trouble(
    champion: ModelVersion, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(embedding_backfill, "_load_label_rows", away)
    with pytest.raises(OperationalError):
        embedding_backfill.backfill_embeddings()


def test_products_without_a_version_that_draws_are_left_alone(product: Product, scorer: FixedEmbeddingScorer) -> None:
    make_labeled_parts(product, 1)
    assert embedding_backfill.backfill_embeddings() == 0
    make_champion(product, "")
    assert embedding_backfill.backfill_embeddings() == 0
    assert scorer.images == []


def test_what_is_behind_is_not_looked_at_again(
    champion: ModelVersion, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_labeled_parts(product, 3)
    embedding_backfill.backfill_embeddings()
    assert embedding_backfill._positions[product.pk].last_label_id == 0, "Lower numbers may still come."
    monkeypatch.setattr(embedding_backfill, "COMMIT_DELAY", timedelta(0))
    embedding_backfill.backfill_embeddings()
    assert embedding_backfill._positions[product.pk].last_label_id == Label.objects.latest("pk").pk
    with CaptureQueriesContext(connection) as asked:
        assert embedding_backfill.backfill_embeddings() == 0
    assert len(asked) == 4, [one["sql"] for one in asked]
    (late,) = make_labeled_parts(product, 1)
    assert embedding_backfill.backfill_embeddings() == 1
    assert late.pk in embeddings()


def test_a_sweep_that_fails_goes_on_where_it_was(
    champion: ModelVersion, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_backfill, "COMMIT_DELAY", timedelta(0))
    make_labeled_parts(product, 2)
    keep = part_embeddings.save_embedding
    monkeypatch.setattr(part_embeddings, "save_embedding", lambda *_: 1 / 0)
    assert embedding_backfill.backfill_embeddings() == 0
    monkeypatch.setattr(part_embeddings, "save_embedding", keep)
    assert embedding_backfill.backfill_embeddings() == 2
