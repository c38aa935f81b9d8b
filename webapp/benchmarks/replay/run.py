"""Run of the replay bench on one running site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import psutil

from mltasks.vision.benchmarks.printing import print_line, print_verdict
from webapp.benchmarks.replay import stored
from webapp.benchmarks.serving import ours, parts
from webapp.benchmarks.serving.load import post_images

if TYPE_CHECKING:  # Django is set up by the site
    from inspection.models import Replay
    from mltasks.models import ModelVersion

MIN_RATE_RATIO = 0.8  # share of the rate of scoring alone
BASELINE_PARTS = 400  # parts scored before, and again after the replay
KILL_AT_SHARE = 0.3
STATION_RATE = 2.0  # parts a second of a station
MAX_LATENCY_RATIO = 1.10  # bound of a station's median latency, with over without a challenger
DEADLINE_SECONDS = 3600.0


def run(folder: Path, count: int, seconds: float) -> int:
    """Measure and print; return 0 if all limits hold, else 1."""
    crops = parts.draw_crops(folder / "crops")
    with ours.running_site(folder / "site", print_line) as site:
        headers = site.headers("crops")
        post_images(site.url, crops, 1, 20.0, headers)
        candidate = stored.train_candidate(print_line)
        stored.store_parts(count)
        print_line(f"{count} parts are stored, decided by the champion")
        return print_verdict(
            [*_measure_replay(candidate, count), *_measure_challenger(site, candidate, crops, headers, seconds)]
        )


def _measure_replay(candidate: ModelVersion, count: int) -> Iterator[str]:
    """Print the figures of a killed and continued replay; yield its faults."""
    from inspection.models import Replay, Rescore
    from inspection.replay import replay

    keys = stored.newest_parts(count)[:BASELINE_PARTS]
    before = _baseline_rate(candidate, keys)
    row = replay.start(candidate, days=replay.MAX_DAYS, max_parts=count)
    killed_at = _kill_when_scored(row, int(KILL_AT_SHARE * count))
    scores = Rescore.objects.filter(version=candidate)
    first_attempt = dict(scores.values_list("inspection_id", "pk"))
    print_line(f"the replay's process was killed (signal 9) with {len(first_attempt)} parts scored")

    def is_finished() -> bool:
        row.refresh_from_db()
        return row.finished

    _wait_until(is_finished, "The replay does not end.")
    final = dict(scores.values_list("inspection_id", "pk"))
    rate = _replay_rate(row, killed_at)
    after = _baseline_rate(candidate, keys)
    ratio = rate / ((before + after) / 2)
    print_line(f"scoring alone {before:.2f} and {after:.2f} parts/s, the replay {rate:.2f}: ratio {ratio:.2f}")
    twice = sum(final.get(key) != pk for key, pk in first_attempt.items())
    print_line(
        f"{row.attempt} attempts, {len(final)} of {len(row.parts)} parts scored, {twice} of the first attempt scored "
        "twice"
    )
    print_line(next(line for line in row.log.splitlines()[::-1] if "scores to make" in line))
    if ratio < MIN_RATE_RATIO:
        yield f"the replay reaches {ratio:.2f} of the rate of scoring alone, not {MIN_RATE_RATIO}"
    if twice or len(final) != len(row.parts) or row.state != Replay.State.SUCCEEDED or row.attempt != 2:
        yield "the replay did not continue where it was killed"


def _baseline_rate(candidate: ModelVersion, keys: Sequence[UUID]) -> float:
    """Return parts a second: read, decoded and scored as concurrently as a replay, without rows."""
    from django.conf import settings

    from inspection.images import image_files
    from inspection.models import Inspection
    from mltasks.registry import scorers

    scorer = scorers.get_batch_scorer(candidate)
    rows = list(Inspection.objects.filter(pk__in=keys))

    def score(part: Inspection) -> None:
        scorer.score([image_files.load_image(part, scorer.input_size).to_array(scorer.input_size)])

    with ThreadPoolExecutor(settings.SCORING_IMAGES) as threads:
        list(threads.map(score, rows[:16]))
        begun = time.perf_counter()
        list(threads.map(score, rows))
        return len(rows) / (time.perf_counter() - begun)


def _kill_when_scored(row: Replay, at: int) -> float:
    """Kill the process once ``at`` parts are scored; return the time on the rows' clock."""
    from django.utils import timezone

    from inspection.models import Rescore

    _wait_until(lambda: Rescore.objects.filter(version=row.candidate).count() >= at, "The replay does not start.")
    for process in psutil.process_iter(["cmdline"]):
        if ["execute_replay", str(row.pk)] == (process.info["cmdline"] or [])[2:4]:
            process.kill()
    return timezone.now().timestamp()


def _wait_until(condition: Callable[[], bool], error: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(error)
        time.sleep(0.5)


def _replay_rate(row: Replay, killed: float) -> float:
    """Return parts a second of the second attempt, from its first batch to its last."""
    from inspection.models import Rescore

    times = Rescore.objects.filter(version=row.candidate).order_by("created_at").values_list("created_at", flat=True)
    later = [moment.timestamp() for moment in times if moment.timestamp() > killed]
    begun = later[0]
    return sum(moment > begun for moment in later) / (later[-1] - begun)


def _measure_challenger(
    site: ours.RunningSite, candidate: ModelVersion, crops: Sequence[Path], headers: dict[str, str], seconds: float
) -> Iterator[str]:
    """Print a station's latency without and with a challenger, alternating, four times each; yield the faults."""
    from inspection.models import Rescore
    from inspection.promotion import shadow_scoring

    latencies: dict[bool, list[float]] = {False: [], True: []}
    scored = Rescore.objects.by_challengers().count()
    for turn in range(8):
        challenged = turn % 4 in (1, 2)  # without, with, with, without: drift affects both alike
        running = shadow_scoring.start_challenge(candidate, by=None) if challenged else None
        time.sleep(6.0)  # the worker polls every five seconds
        load = post_images(site.url, crops, 2, seconds, headers, rate=STATION_RATE)
        latencies[challenged] += load.latencies_ms
        if running is not None:
            shadow_scoring.end_challenge(running, by=None)
            time.sleep(3.0)
    for challenged, times in latencies.items():
        title = f"a station at {STATION_RATE:.0f} parts/s {'with a challenger' if challenged else 'without'}"
        p50, p95 = np.percentile(times, (50, 95))
        print_line(f"{title}: p50 {p50:.0f}, p95 {p95:.0f} ms, n {len(times)}")
    scored = Rescore.objects.by_challengers().count() - scored
    ratio = float(np.median(latencies[True]) / np.median(latencies[False]))
    print_line(f"the challenger scored {scored} parts; the station's median latency is {ratio:.2f} times as long")
    if not scored:
        yield "the challenger scored nothing"
    if ratio > MAX_LATENCY_RATIO:
        yield f"a station waits {ratio:.2f} times as long with a challenger, not {MAX_LATENCY_RATIO}"
