"""The history's search by part id: few parts are known one by one, many are looked for stretch by stretch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from labeling.history import history, part_search
from tests.labeling.conftest import make_part, make_product


@pytest.fixture
def line_of_parts(product: Product) -> Product:
    """P-0 came first, P-19 last; every fifth failed."""
    for number in range(20):
        part = make_part(product, part_id=f"P-{number}", verdict="PASS" if number % 5 else "FAIL")
        Inspection.objects.filter(pk=part.pk).update(received_at=Now() - timedelta(hours=20 - number))
    make_part(product)
    make_part(make_product("tile"), part_id="P-1")
    return product


def find_part_ids(product: Product, **filters: str) -> list[str]:
    """All parts that fit, page by page."""
    parts: list[str] = []
    page = history.load_page(product, filters)
    while True:
        parts += [part.part_id for part in page.parts]
        if not page.older_position:
            return parts
        page = history.load_page(product, filters, page.older_position)


def test_it_finds_what_begins_so_newest_first(line_of_parts: Product) -> None:
    assert find_part_ids(line_of_parts, q="P-1") == [
        f"P-{number}" for number in (19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1)
    ]
    assert find_part_ids(line_of_parts, q="P-1", verdict="FAIL") == ["P-15", "P-10"]
    assert find_part_ids(line_of_parts, q="Q") == []


@pytest.mark.parametrize("text", ["%", "P_1", "_", "\\", "p-1"])
def test_signs_stand_for_themselves(line_of_parts: Product, text: str) -> None:
    assert find_part_ids(line_of_parts, q=text) == []


@pytest.mark.parametrize("size", [1, 3, 48])
def test_many_are_found_stretch_by_stretch_without_a_gap(
    line_of_parts: Product, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(part_search, "MAX_ID_MATCHES", 2)
    monkeypatch.setattr(part_search, "SCAN_WINDOW", 4)
    monkeypatch.setattr(history, "PAGE_SIZE", size)
    assert find_part_ids(line_of_parts, q="P-") == [f"P-{number}" for number in range(19, -1, -1)]
    assert find_part_ids(line_of_parts, q="P-", verdict="FAIL") == ["P-15", "P-10", "P-5", "P-0"]


def test_a_stretch_without_a_fit_says_so(line_of_parts: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_search, "MAX_ID_MATCHES", 2)
    monkeypatch.setattr(part_search, "SCAN_WINDOW", 4)
    page = history.load_page(line_of_parts, {"q": "P-1", "verdict": "FAIL"})
    assert (page.parts, page.parts_scanned, bool(page.older_position)) == ([], 4, True)


def test_equal_times_leave_no_gap_between_stretches(line_of_parts: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_search, "MAX_ID_MATCHES", 2)
    monkeypatch.setattr(part_search, "SCAN_WINDOW", 4)
    for number in range(0, 20, 3):
        same = Inspection.objects.get(part_id=f"P-{number}", product=line_of_parts).received_at
        Inspection.objects.filter(part_id__in=[f"P-{number + 1}", f"P-{number + 2}"], product=line_of_parts).update(
            received_at=same
        )
    assert sorted(find_part_ids(line_of_parts, q="P-")) == sorted(f"P-{number}" for number in range(20))
