"""Texts that look the same and would be two: part ids, products and stations."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from inspection.models import Inspection, Product
from inspection.products.part_identity import PartIdentities
from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.inspection.conftest import POST_URL, Sender, error_of
from tests.inspection.forms import image_field, post_form, text_field

COMPOSED, APART = "Pr\u00fcf-1", "Pru\u0308f-1"


def test_it_stores_one_part_id_for_two_encodings(sender: Sender) -> None:
    answers = [post_form(sender, image_field(), text_field("part_id", sent)) for sent in (COMPOSED, APART)]
    assert [answer.json()["part_id"] for answer in answers] == [COMPOSED, COMPOSED]
    for sent in (COMPOSED, APART):
        found = sender.client.get(POST_URL, {"part_id": sent}, headers=sender.headers).json()["results"]
        assert len(found) == 2, ascii(sent)


def test_it_joins_parts_that_were_stored_in_two_encodings(sender: Sender) -> None:
    for sent in ("A-1", "A-2"):
        post_form(sender, image_field(), text_field("part_id", sent))
    Inspection.objects.filter(part_id="A-1").update(part_id=COMPOSED)
    Inspection.objects.filter(part_id="A-2").update(part_id=APART)
    identities = PartIdentities(Product.objects.get())
    assert len({identities.group(part) for part in Inspection.objects.all()}) == 1


@pytest.mark.parametrize("hidden", ["A-1\u200b", "\u202eA-1", "A\u00ad-1", "A-1\u2060"])
def test_it_refuses_characters_that_nobody_sees(sender: Sender, hidden: str) -> None:
    answer = post_form(sender, image_field(), text_field("part_id", hidden))
    assert error_of(answer) == (400, "invalid_request") and "U+" in answer.json()["detail"]
    assert not Inspection.objects.exists()


def test_it_takes_joiners_that_spell_words(sender: Sender) -> None:
    assert (
        post_form(sender, image_field(), text_field("part_id", "\u0645\u06cc\u200c\u0634\u0648\u062f")).status_code
        == 201
    )


@pytest.mark.django_db
def test_it_refuses_names_that_differ_by_capitals_alone() -> None:
    product = create_product("plate")
    create_station(product, "line-1")
    with pytest.raises(ValidationError, match="plate exists already"):
        create_product("Plate")
    with pytest.raises(ValidationError, match="line-1 exists already"):
        create_station(product, "LINE-1")
    create_station(create_product("plate-2"), "LINE-1")


@pytest.mark.parametrize("sent", ["2026-11-29T00:00:00+01:00", "2026-11-29T00:00:00.5+0100", "2026-11-29 00:00"])
def test_it_reads_a_time_zone_whose_plus_was_not_escaped(sender: Sender, sent: str) -> None:
    answer = sender.client.get(f"{POST_URL}?received_after={sent.replace(' ', '%20')}", headers=sender.headers)
    assert answer.status_code == 200, answer.content


def test_it_refuses_a_query_that_is_not_utf_8(sender: Sender) -> None:
    answer = sender.client.get(f"{POST_URL}?part_id=Pr%FCf", headers=sender.headers)
    assert error_of(answer) == (400, "invalid_request") and "UTF-8" in answer.json()["detail"]
