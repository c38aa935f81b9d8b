"""The history's search by part id: few parts are known one by one, many are looked for stretch by stretch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from labeling.history import history, part_search
from tests.labeling.conftest import make_part, make_product


@pytest.fixture
def line(product: Product) -> Product:
    """P-0 came first, P-19 last; every fifth failed."""
    for number in range(20):
        part = make_part(product, part_id=f"P-{number}", verdict="PASS" if number % 5 else "FAIL")
        Inspection.objects.filter(pk=part.pk).update(received_at=Now() - timedelta(hours=20 - number))
    make_part(product)
    make_part(make_product("tile"), part_id="P-1")
    return product


def found(product: Product, **wanted: str) -> list[str]:
    """All parts that fit, page by page."""
    parts: list[str] = []
    page = history.page(product, wanted)
    while True:
        parts += [part.part_id for part in page.parts]
        if not page.older:
            return parts
        page = history.page(product, wanted, page.older)


def test_it_finds_what_begins_so_newest_first(line: Product) -> None:
    assert found(line, q="P-1") == [f"P-{number}" for number in (19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1)]
    assert found(line, q="P-1", verdict="FAIL") == ["P-15", "P-10"]
    assert found(line, q="Q") == []


@pytest.mark.parametrize("text", ["%", "P_1", "_", "\\", "p-1"])
def test_signs_stand_for_themselves(line: Product, text: str) -> None:
    assert found(line, q=text) == []


@pytest.mark.parametrize("size", [1, 3, 48])
def test_many_are_found_stretch_by_stretch_without_a_gap(
    line: Product, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(part_search, "FEW", 2)
    monkeypatch.setattr(part_search, "STRETCH", 4)
    monkeypatch.setattr(history, "PAGE", size)
    assert found(line, q="P-") == [f"P-{number}" for number in range(19, -1, -1)]
    assert found(line, q="P-", verdict="FAIL") == ["P-15", "P-10", "P-5", "P-0"]


def test_a_stretch_without_a_fit_says_so(line: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_search, "FEW", 2)
    monkeypatch.setattr(part_search, "STRETCH", 4)
    page = history.page(line, {"q": "P-1", "verdict": "FAIL"})
    assert (page.parts, page.searched, bool(page.older)) == ([], 4, True)


def test_equal_times_leave_no_gap_between_stretches(line: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_search, "FEW", 2)
    monkeypatch.setattr(part_search, "STRETCH", 4)
    for number in range(0, 20, 3):
        same = Inspection.objects.get(part_id=f"P-{number}", product=line).received_at
        Inspection.objects.filter(part_id__in=[f"P-{number + 1}", f"P-{number + 2}"], product=line).update(
            received_at=same
        )
    assert sorted(found(line, q="P-")) == sorted(f"P-{number}" for number in range(20))
