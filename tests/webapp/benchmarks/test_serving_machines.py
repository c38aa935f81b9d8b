"""`make bench-serving FLAGS=--processes`: its layouts, and the efficiency that it asks for."""

from __future__ import annotations

import pytest

from webapp.benchmarks.serving import machines
from webapp.benchmarks.serving.load import Load
from webapp.benchmarks.serving.measurement import LoadResult


def result(name: str, web: float, postgres: float, *, lost: int = 0) -> LoadResult:
    load = Load(4, 1.0, [1.0], answers=[(0, {})])
    return LoadResult(name, "crops", load, 300.0, lost, core_ms={"web": web, "PostgreSQL": postgres})


def test_machines_grow_to_all_cores() -> None:
    shown = [[(one.machines, one.processes) for one in machines.layouts(cores)] for cores in (1, 2, 6)]
    assert shown == [[(1, 1)], [(1, 1), (1, 2), (2, 1)], [(1, 1), (1, 2), (1, 4), (1, 6), (2, 3)]]


def test_the_median_cost_of_a_part_must_stay(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = [result("1 × 1", 36.0, 4.0)], [result("2 × 1", web, 4.0) for web in (39.0, 40.0, 90.0)]
    assert machines._print_efficiency([*one, *two]) == 0
    assert "2 × 1                             44.0    40.0         4.0        0.91" in capsys.readouterr().out
    assert machines._print_efficiency([*one, result("2 × 1", 41.0, 4.0)]) == 1
    assert "WRONG  2 × 1: 0.89 of linear" in capsys.readouterr().out


def test_a_lost_part_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert machines._print_efficiency([result("1 × 1", 36.0, 4.0, lost=1)]) == 1
    assert "1 × 1: 1 parts lost" in capsys.readouterr().out
