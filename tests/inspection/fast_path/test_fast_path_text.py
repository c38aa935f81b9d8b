"""Pages say if the fast path serves, what it saves, and what it lets through."""

from __future__ import annotations

from django.test import Client

from inspection.fast_path.fast_path_text import fast_path_sentences
from inspection.models import FastPath, Product
from tests.inspection.fast_path.test_evidence import add_parts
from tests.inspection.scoring.drawn_fast_path import add_fast_path
from tests.tiny_model import MakeVersion
from webapp.health.prometheus import metrics_text


def test_it_says_that_it_is_off_until_it_is_learned(product: Product, make_version: MakeVersion) -> None:
    assert fast_path_sentences(product, None) == ["Off: the full model scores every part before its verdict."]
    product.fast_path_enabled = True
    assert fast_path_sentences(product, None) == ["Waits for a champion."]
    assert "Waits to be learned" in fast_path_sentences(product, make_version(product, champion=True))[0]


def test_it_states_certificate_and_later_answers(product: Product, make_version: MakeVersion) -> None:
    version = make_version(product, champion=True)
    learned = add_fast_path(product, version)
    add_parts(learned, 9, full_graph_passes=True)
    add_parts(learned, 1, full_graph_passes=False)
    add_parts(learned, 4, by_fast_path=False, verdict="FAIL")

    text = " ".join(fast_path_sentences(product, version))

    assert "On: plainly good parts pass" in text
    assert "7.0 ms instead of 70.0 ms" in text and "0.30 instead of 4.30 GFLOP" in text
    assert "Of 299 held-out parts that the full model does not pass, it passed 0" in text
    assert "Passed by the fast path: 10 parts; 0 of these wait" in text
    assert "The full model would not have passed 1 of them" in text


def test_another_version_has_no_certificate(product: Product, make_version: MakeVersion) -> None:
    add_fast_path(product, make_version(product, champion=True))

    assert fast_path_sentences(product, make_version(product)) == [
        "Waits to be learned for this version and these settings, at night or by the command fast_path. Until then the "
        "full model scores every part."
    ]


def test_the_admin_shows_it_and_links_the_parts_to_contain(
    product: Product, make_version: MakeVersion, admin_client: Client, settings: object
) -> None:
    settings.ROOT_URLCONF = "webapp.urls"  # type: ignore[attr-defined]
    learned = add_fast_path(product, make_version(product, champion=True))
    add_parts(learned, 1, full_graph_passes=False, part_id="leaked")
    add_parts(learned, 1, full_graph_passes=True, part_id="confirmed")

    form = admin_client.get(f"/admin/inspection/product/{product.pk}/change/").content.decode()
    query = f"product__id__exact={product.pk}&amp;full_graph_passes__exact=0"
    assert query in form and "On: plainly good parts pass" in form
    listed = admin_client.get(f"/admin/inspection/inspection/?{query.replace('&amp;', '&')}").content.decode()
    assert "leaked" in listed and "confirmed" not in listed
    assert FastPath.objects.count() == 1


def test_the_version_page_and_the_model_card_show_it(
    product: Product, make_version: MakeVersion, admin_client: Client, settings: object
) -> None:
    settings.ROOT_URLCONF = "webapp.urls"  # type: ignore[attr-defined]
    version = make_version(product, champion=True)
    address = f"/models/{product.slug}/{version.number}/"
    assert "Fast path" not in admin_client.get(address).content.decode()
    add_fast_path(product, version)

    for page in (address, f"{address}card/"):
        assert "7.0 ms instead of 70.0 ms" in admin_client.get(page).content.decode()


def test_metrics_count_its_parts_and_leaks(product: Product, make_version: MakeVersion) -> None:
    learned = add_fast_path(product, make_version(product, champion=True))
    add_parts(learned, 2, full_graph_passes=True)
    add_parts(learned, 1, full_graph_passes=False)
    add_parts(learned, 4, by_fast_path=False)

    text = metrics_text().decode()

    assert 'second_look_fast_path_parts{product="phone-case"} 3.0' in text
    assert 'second_look_fast_path_leaks{product="phone-case"} 1.0' in text
