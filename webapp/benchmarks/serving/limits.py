"""Limits of the serving bench, checked over the medians of all rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from mltasks.vision.benchmarks.printing import print_line, print_verdict
from mltasks.vision.benchmarks.serving_speed.processor_limit import ProcessorLimit
from webapp.benchmarks.serving.measurement import LoadResult, by_load, load_name
from webapp.benchmarks.serving.soak import MAX_SLOPE_MB_PER_HOUR, Soak

# Parts a second over the peer's, with 4 and with 16 clients
MIN_CROP_RATIO_INT8, MIN_CROP_RATIO, MIN_FRAME_RATIO = 1.5, 1.0, 4.0
LIMITED_CLIENTS, ONE_CAMERA = (4, 16), 1
# Median latency of one camera over the peer's
MAX_LATENCY_RATIO = 1.5
# Megabytes of a web process; measured over minimal milliseconds of the graph
MAX_MEMORY_MB, MAX_LIMIT_RATIO = 500.0, 1.5


@dataclass(frozen=True, slots=True)
class Check:
    """Limit with its measured figure as text."""

    title: str
    figure: str
    holds: bool

    def line(self) -> str:
        """Return the check as one line."""
        return f"{'PASS' if self.holds else 'FAIL'}  {self.title}: {self.figure}"


def print_checks(checks: Sequence[Check]) -> int:
    """Print each check and the verdict of all; return the exit status."""
    for check in checks:
        print_line(check.line())
    return print_verdict([f"{check.title}: {check.figure}" for check in checks if not check.holds])


def rate_checks(results: Sequence[LoadResult], name: str, *, fast_int8: bool) -> Iterator[Check]:
    """Yield the checks of rates and of one camera's latency for the server ``name``, relative to the peer's.

    ``fast_int8``: the processor has instructions for 8-bit products.
    """
    rounds = by_load(results)
    minimum = {"crops": MIN_CROP_RATIO_INT8 if fast_int8 else MIN_CROP_RATIO, "frames": MIN_FRAME_RATIO}
    for kind, clients in sorted({(kind, clients) for server, kind, clients in rounds if server == name}):
        pairs = list(zip(rounds[name, kind, clients], rounds["peer", kind, clients], strict=True))
        title = load_name(name, kind, clients)
        if clients == ONE_CAMERA:
            ratios = [ours.load.percentile(50) / peer.load.percentile(50) for ours, peer in pairs]
            holds, limit = median(ratios) <= MAX_LATENCY_RATIO, f"at most {MAX_LATENCY_RATIO}"
            yield Check(title, f"p50 {_spread(ratios)} times the peer's, {limit}", holds)
        elif clients in LIMITED_CLIENTS:
            ratios = [ours.load.rate / peer.load.rate if peer.load.rate else float("inf") for ours, peer in pairs]
            holds, limit = median(ratios) >= minimum[kind], f"at least {minimum[kind]}"
            yield Check(title, f"{_spread(ratios)} times the peer's rate, {limit}", holds)


def loss_checks(results: Sequence[LoadResult]) -> Iterator[Check]:
    """Yield a check of each load of ours: no part is lost, and every part that was sent again is answered."""
    for (server, kind, clients), rounds in by_load(results).items():
        if rounds[0].lost is None:
            continue
        lost, answered = sum(one.lost or 0 for one in rounds), sum(len(one.load.answers) for one in rounds)
        unanswered = sum(one.unanswered for one in rounds)
        figure = f"{lost} of {answered} answered parts lost, {unanswered} never answered"
        yield Check(load_name(server, kind, clients), figure, answered > 0 and not lost and not unanswered)


def resource_checks(results: Sequence[LoadResult], limit: ProcessorLimit, soak: Soak | None) -> Iterator[Check]:
    """Yield the checks of memory, of inference alone, and of the soak."""
    peak = max(one.memory for one in results if one.server != "peer")
    yield Check("memory", f"a web process took {peak:.0f} MB, under {MAX_MEMORY_MB:.0f}", peak < MAX_MEMORY_MB)
    yield Check("inference alone", f"{limit.describe()}, at most {MAX_LIMIT_RATIO}", limit.ratio <= MAX_LIMIT_RATIO)
    if soak is not None:
        holds = not soak.error_count and soak.slope <= MAX_SLOPE_MB_PER_HOUR
        yield Check("soak", f"{soak.summary()}, at most {MAX_SLOPE_MB_PER_HOUR:.0f}", holds)


def _spread(ratios: Sequence[float]) -> str:
    """Return the median, with the range if there are several rounds."""
    text = f"{median(ratios):.2f}"
    return f"{text} ({min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds)" if len(ratios) > 1 else text
