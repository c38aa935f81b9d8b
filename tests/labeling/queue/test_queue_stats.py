"""What waits for people is counted the same everywhere: parts that were routed to them, and labels in doubt."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.test import Client

from inspection.models import Inspection, Product
from labeling.models import Recheck
from labeling.queue import queue_stats
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.review import review
from labeling.review.skips import skip
from tests.labeling.conftest import make_part, make_product
from tests.labeling.queue.test_queue import claim_next
from tests.labeling.rechecks.label_issues import make_imported_label, make_version_with_label_issues


def open_recheck(product: Product, hours_ago: float = 0) -> Recheck:
    (opened,) = open_rechecks(make_version_with_label_issues(product, make_imported_label(product)))
    Recheck.objects.filter(pk=opened.pk).update(due_at=Now() - timedelta(hours=hours_ago))
    return opened


def test_it_counts_parts_and_labels_in_doubt(product: Product) -> None:
    other = make_product("tile")
    make_part(product), make_part(product)
    open_recheck(product), open_recheck(other)
    assert (queue_stats.waiting_count(), queue_stats.waiting_count(product), queue_stats.waiting_count(other)) == (
        4,
        3,
        1,
    )
    assert queue_stats.waiting_count_by_product() == {product.pk: 3, other.pk: 1}


def test_an_answered_doubt_waits_no_longer(product: Product, ada: User) -> None:
    opened = open_recheck(product)
    review.correct(opened.inspection, by=ada, verdict="FAIL")
    assert (queue_stats.waiting_count(product), queue_stats.waiting_count_by_product(), queue_stats.longest_wait()) == (
        0,
        {},
        None,
    )


def test_the_oldest_is_the_longest_waiting_of_both(product: Product) -> None:
    part = make_part(product)
    Inspection.objects.filter(pk=part.pk).update(received_at=Now() - timedelta(hours=2))
    open_recheck(product, 1)
    assert _longest_wait_hours(product) == 2
    open_recheck(make_product("tile"), 5)
    assert (_longest_wait_hours(product), _longest_wait_hours(None)) == (2, 5)


def test_a_part_moved_ahead_does_not_look_older(product: Product) -> None:
    part = make_part(product)
    Inspection.objects.filter(pk=part.pk).update(
        received_at=Now() - timedelta(hours=2), queue_sort_key=Now() - timedelta(hours=50)
    )
    assert _longest_wait_hours(product) == 2


def test_the_sidebar_counts_to_999() -> None:
    for waiting, shown in ((0, ""), (999, "999<"), (1000, "999+<")):
        badge = render_to_string("parts/waiting.html", {"layout": {"waiting": waiting}})
        assert f'id="waiting-count">{shown}' in badge


def test_every_place_shows_the_same_number(client: Client, ada: User, product: Product) -> None:
    make_part(product), make_product("tile")
    open_recheck(product)
    client.force_login(ada)
    page = client.get("/").content.decode()
    assert '<p class="figure-number">2</p>' in page
    assert 'id="waiting-count">2<' in page
    assert page.count("(2 waiting)") == page.count("waiting)") == 1
    assert client.post("/review/held/", {"product": product.slug}).json()["left"] == 2
    metrics = client.get("/metrics").content.decode()
    assert f'second_look_queue_length{{product="{product.slug}"}} 2.0' in metrics


def _longest_wait_hours(product: Product | None) -> int:
    wait = queue_stats.longest_wait(product)
    assert wait is not None
    return int(wait / timedelta(hours=1))


def test_what_a_reviewer_skipped_is_left_for_others(product: Product, ada: User, bob: User) -> None:
    make_part(product), make_part(product)
    skip(claim_next(ada), reason="cannot_decide")
    assert queue_stats.waiting_count(product, reviewer=ada) == 1
    assert queue_stats.waiting_count(product, reviewer=bob) == queue_stats.waiting_count(product) == 2
