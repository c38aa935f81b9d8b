"""The most similar labeled parts, by an index of the database."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection, transaction

from inspection.models import Embedding, Product
from inspection.products.products import create_product
from inspection.scoring.similar_parts import SET_ITERATIVE_SCAN, nearest_labeled, order_by_distance
from tests.inspection.embeddings import make_parts_with_embeddings, random_vectors, unit_vector


def test_the_most_alike_come_first_each_with_its_cosine(product: Product) -> None:
    (point,) = make_parts_with_embeddings(product, np.stack([unit_vector(0)]))
    far, near, middle = make_parts_with_embeddings(
        product, np.stack([unit_vector(1.2), unit_vector(0.1), unit_vector(0.5)]), target=1
    )

    found = nearest_labeled(point, 1, 3)

    assert [one.inspection.pk for one in found] == [near.pk, middle.pk, far.pk]
    assert [one.similarity for one in found] == pytest.approx([np.cos(0.1), np.cos(0.5), np.cos(1.2)], abs=2e-3)
    assert nearest_labeled(point, 1, 2) == found[:2]
    assert nearest_labeled(point, 0, 3) == []


def test_other_products_other_spaces_and_unlabeled_parts_are_never_found(product: Product) -> None:
    own = np.stack([unit_vector(0.3)])
    (point,) = make_parts_with_embeddings(product, np.stack([unit_vector(0)]), target=0)
    make_parts_with_embeddings(create_product("tile"), own, target=0)
    make_parts_with_embeddings(product, own, space="elsewhere", target=0)
    make_parts_with_embeddings(product, own)

    assert nearest_labeled(point, 0, 3) == [], "Nor is it its own neighbour."


def test_a_part_that_lies_nowhere_is_like_nothing(product: Product) -> None:
    point, other = make_parts_with_embeddings(product, np.stack([np.zeros(256, np.float32), unit_vector(0)]), target=0)

    assert nearest_labeled(point, 0, 3) == nearest_labeled(other, 0, 3) == []


def test_it_refuses_another_target(product: Product) -> None:
    (point,) = make_parts_with_embeddings(product, np.stack([unit_vector(0)]))
    with pytest.raises(ValueError, match="not 2"):
        nearest_labeled(point, 2, 3)


def test_what_is_crowded_out_by_another_product_is_found_all_the_same(product: Product) -> None:
    (point,) = make_parts_with_embeddings(product, np.stack([unit_vector(0)]))
    crowd = np.stack([unit_vector(0.2, sideways=1 + number % 250) for number in range(500)])
    make_parts_with_embeddings(create_product("tile"), crowd, target=0)
    own = make_parts_with_embeddings(product, np.stack([unit_vector(1.0), unit_vector(1.1)]), target=0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert [one.inspection.pk for one in nearest_labeled(point, 0, 2)] == [one.pk for one in own]


@pytest.mark.slow(7)
def test_the_index_answers_and_nearly_always_right(product: Product) -> None:
    make_parts_with_embeddings(product, random_vectors(1, 1000))
    for target, count in ((0, 1200), (1, 800)):
        make_parts_with_embeddings(product, random_vectors(2 + target, count), target=target)
    asked = list(Embedding.objects.filter(target=None)[:30])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ANALYZE inspection_embedding, inspection_inspection")
        cursor.execute(SET_ITERATIVE_SCAN)
        for target, index in ((0, "embedding_good"), (1, "embedding_defective")):
            plan = order_by_distance(asked[0], target)[:3].explain()
            assert f"Index Scan using {index}" in plan, plan

    right = sum(
        len({one.inspection.pk for one in nearest_labeled(point, 1, 3)} & exact_neighbours(point, 1, 3))
        for point in asked
    )

    assert right > 0.85 * 3 * len(asked), f"{right} of {3 * len(asked)}"


def exact_neighbours(point: Embedding, target: int, count: int) -> set[object]:
    """By looking at every one."""
    rows = Embedding.objects.filter(target=target).values_list("pk", "vector")
    near = np.argsort(-(np.array([vector for _, vector in rows]) @ np.array(point.vector)))[:count]
    return {rows[int(index)][0] for index in near}
