"""`make bench-serving`: its limits by processor, over the medians of rounds, and the loads that crash."""

from __future__ import annotations

from collections import Counter

from mltasks.vision.benchmarks.serving_speed.processor_limit import ProcessorLimit
from webapp.benchmarks.serving import limits
from webapp.benchmarks.serving.load import Load
from webapp.benchmarks.serving.measurement import LoadResult
from webapp.benchmarks.serving.soak import Soak


def result(server: str, clients: int, rate: int, *, kind: str = "crops", p50: float = 10.0, **more: int) -> LoadResult:
    return LoadResult(server, kind, Load(clients, 1.0, [p50], answers=[(0, {})] * rate), 300.0, **more)


def failures(results: list[LoadResult], *, fast_int8: bool = True) -> list[str]:
    checks = [*limits.rate_checks(results, "Second Look", fast_int8=fast_int8), *limits.loss_checks(results)]
    return [check.line() for check in checks if not check.holds]


def test_crops_need_more_where_8_bits_are_fast() -> None:
    rows = [result("Second Look", 4, 12), result("peer", 4, 10)]
    assert failures(rows, fast_int8=False) == []
    [missed] = failures(rows)
    assert "1.20 times the peer's rate, at least 1.5" in missed


def test_the_median_of_the_rounds_counts() -> None:
    def frames(*rates: int) -> list[LoadResult]:
        return [one for rate in rates for one in (result("Second Look", 16, rate, kind="frames"), peer)]

    peer = result("peer", 16, 10, kind="frames")
    assert failures(frames(41, 20, 90)) == []
    [check] = limits.rate_checks(frames(41, 20, 90), "Second Look", fast_int8=True)
    assert check.line() == (
        "PASS  Second Look, frames, 16 clients: 4.10 (2.00 to 9.00 in 3 rounds) times the peer's rate, at least 4.0"
    )
    [missed] = failures(frames(41, 20, 90, 20, 20))
    assert missed.startswith("FAIL") and "2.00" in missed


def test_one_camera_is_held_to_the_peers_latency() -> None:
    assert failures([result("Second Look", 1, 5, p50=15.0), result("peer", 1, 10)]) == []
    [missed] = failures([result("Second Look", 1, 5, p50=15.2), result("peer", 1, 10)])
    assert "p50 1.52 times the peer's, at most 1.5" in missed


def test_a_peer_that_answers_nothing_is_no_error() -> None:
    assert failures([result("Second Look", 4, 1), result("peer", 4, 0)]) == []


def test_lost_and_unanswered_parts_are_failures() -> None:
    assert failures([result("web killed", 4, 20, lost=0)]) == []
    assert "1 of 20 answered parts lost" in failures([result("web killed", 4, 20, lost=1)])[0]
    assert "2 never answered" in failures([result("db stopped", 4, 20, lost=0, unanswered=2)])[0]
    # A load in which nothing was answered shows nothing.
    assert len(failures([result("web killed", 4, 0, lost=0)])) == 1


def test_memory_inference_and_the_soak_have_limits() -> None:
    good = ProcessorLimit(1.0, 0.0, 100.0, 100.0, 14.0)
    slow = ProcessorLimit(1.0, 0.0, 100.0, 100.0, 16.0)
    calm = Soak(Load(16), 10.0, [(60.0 * minute, 300.0) for minute in range(30)])
    grows = Soak(Load(16), 10.0, [(60.0 * minute, 300.0 + minute) for minute in range(30)])
    errors = Soak(Load(16, statuses=Counter({"503": 1})), 10.0, calm.memory)
    small, large = result("Second Look", 1, 1), result("Second Look", 1, 1)
    large.memory = 500.0

    def held(one: LoadResult, limit: ProcessorLimit, soak: Soak | None) -> list[bool]:
        return [check.holds for check in limits.resource_checks([one], limit, soak)]

    assert held(small, good, None) == [True, True]
    assert held(small, good, calm) == [True, True, True]
    assert held(large, slow, grows) == [False, False, False]
    assert held(small, good, errors) == [True, True, False]
