"""Run of the replay bench on one running site."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
        wrong = [*_measure_replay(candidate, count), *_measure_challenger(site, candidate, crops, headers, seconds)]
    return print_verdict(wrong)


def _measure_replay(candidate: ModelVersion, count: int) -> list[str]:
    from inspection.models import Replay, Rescore
    from inspection.replay import replay

    keys = stored.newest_parts(count)
    before = _baseline_rate(candidate, keys[:BASELINE_PARTS])
    row = replay.start(candidate, days=replay.MAX_DAYS, max_parts=count)
    killed = _kill_when_scored(row, int(KILL_AT_SHARE * count))
    kept = dict(Rescore.objects.filter(version=candidate).values_list("inspection_id", "pk"))
    print_line(f"the replay's process was killed (signal 9) with {len(kept)} parts scored")
    done = _wait(row)
    again = dict(Rescore.objects.filter(version=candidate).values_list("inspection_id", "pk"))
    pace = _replay_rate(row, killed)
    after = _baseline_rate(candidate, keys[:BASELINE_PARTS])
    alone = (before + after) / 2
    print_line(f"scoring alone {before:.2f} and {after:.2f} parts/s, the replay {pace:.2f}: {pace / alone:.2f} of it")
    twice = sum(again.get(key) != pk for key, pk in kept.items())
    print_line(
        f"{done.attempt} attempts, {len(again)} of {len(done.parts)} parts scored, {twice} of the first attempt again"
    )
    print_line(next(line for line in done.log.splitlines()[::-1] if "scores to compute" in line))
    wrong = []
    if pace < MIN_RATE_RATIO * alone:
        wrong.append(f"the replay reaches {pace / alone:.2f} of scoring alone, not {MIN_RATE_RATIO}")
    if twice or len(again) != len(done.parts) or done.state != Replay.State.SUCCEEDED or done.attempt != 2:
        wrong.append("the replay did not go on where it was killed")
    return wrong


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

    _wait_until(lambda: Rescore.objects.filter(version=row.candidate).count() >= at, "The replay does not begin.")
    for process in psutil.process_iter(["cmdline"]):
        if ["execute_replay", str(row.pk)] == (process.info["cmdline"] or [])[2:4]:
            process.kill()
    return timezone.now().timestamp()


def _wait(row: Replay) -> Replay:
    def ended() -> bool:
        row.refresh_from_db()
        return row.finished

    _wait_until(ended, "The replay does not end.")
    return row


def _wait_until(reached: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
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
) -> list[str]:
    """Measure a station's latency without and with a challenger, alternating, four times each."""
    from inspection.models import Rescore
    from inspection.promotion import shadow_scoring

    taken: dict[bool, list[float]] = {False: [], True: []}
    scored = Rescore.objects.by_challengers().count()
    for turn in range(8):
        challenged = turn % 4 in (1, 2)  # without, with, with, without: drift affects both alike
        running = shadow_scoring.start_challenge(candidate, by=None) if challenged else None
        time.sleep(6.0)  # the worker polls every five seconds
        load = post_images(site.url, crops, 2, seconds, headers, rate=STATION_RATE)
        taken[challenged] += load.latencies_ms
        if running is not None:
            shadow_scoring.end_challenge(running, by=None)
            time.sleep(3.0)
    middle = {name: float(np.percentile(some, 50)) for name, some in taken.items()}
    for name, some in taken.items():
        words, late = "with a challenger" if name else "without", np.percentile(some, 95)
        print_line(
            f"a station at {STATION_RATE:.0f} parts/s {words}: p50 {middle[name]:.0f}, p95 {late:.0f} ms, n {len(some)}"
        )
    scored, longer = Rescore.objects.by_challengers().count() - scored, middle[True] / middle[False]
    print_line(f"the challenger scored {scored} parts; the station's median is {longer:.2f} times as long")
    wrong = [] if scored else ["the challenger scored nothing"]
    if longer > MAX_LATENCY_RATIO:
        wrong.append(f"a station waits {longer:.2f} times as long with a challenger, not {MAX_LATENCY_RATIO}")
    return wrong
