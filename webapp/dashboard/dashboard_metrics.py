"""Dashboard metrics of one product: today, queue, champion, next training, fourteen days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from inspection.models import Inspection, Product, RemovedParts, Station
from inspection.products.bands import current_guarantee
from inspection.products.part_identity import PartIdentities
from inspection.products.station_latency import station_latency
from inspection.scoring.deadlines import applied_deadline_ms
from labeling.datasets import retraining
from labeling.history import history
from labeling.queue import queue_stats
from mltasks.models import ModelVersion, Promotion, TrainingRun
from mltasks.registry import registry
from mltasks.reports import report_text

DAYS = 14
MAX_RUNS_SHOWN = 5
# Minimal progress of a run for an estimate of its remaining time.
MIN_PROGRESS = 0.1
# Past days hardly change; today is counted each time.
PAST_DAYS_CACHE_SECONDS = 300
LATENCY_CACHE_SECONDS = 15
# Parts in progress at a promotion are decided within this time.
PROMOTION_GRACE = timedelta(minutes=1)


VerdictCounts = dict[str, int]


def counts_today(product: Product) -> VerdictCounts:
    """Count parts since local midnight, without imported folders: ``passed, review, failed, total``."""
    return _count_verdicts(_inspected(product).filter(received_at__gte=_midnight(timezone.localdate())))


def daily_counts(product: Product) -> list[dict[str, Any]]:
    """Return the last fourteen days, oldest first: ``date, passed, review, failed, promoted``."""
    last = timezone.localdate()
    dates = [last - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    counts = {**_past_counts(product, dates[0], last), last: counts_today(product)}
    promoted = _promotions_by_day(product, dates[0])
    return [{"date": day, **counts.get(day, _verdict_counts({})), "promoted": promoted.get(day, [])} for day in dates]


def queue_summary(product: Product) -> dict[str, Any]:
    """Return the queue's length, its longest wait, and the number of new training parts."""
    return {
        "number": queue_stats.waiting_count(product),
        "oldest": queue_stats.longest_wait(product),
        "new_labels": history.new_training_part_count(product),
    }


def shared_part_ids(product: Product) -> list[dict[str, Any]]:
    """Return part ids of too many images: ``part_id, share, is_placeholder``."""
    identities = PartIdentities(product)
    return [
        {"part_id": part_id, "share": share, "is_placeholder": identities.is_placeholder(part_id)}
        for part_id, share in product.shared_part_ids.items()
    ]


def champion_summary(product: Product) -> dict[str, Any] | None:
    """Return the champion with its promotion, its recall and its escape guarantee; None without a champion."""
    version = registry.champion(product.registered_model)
    if version is None:
        return None
    report = getattr(version, "report", None)
    metrics = report.evaluation.get("metrics", {}) if report else {}
    promotion = version.promotions.select_related("by").first()
    guarantee = current_guarantee(product, version)
    return {
        "version": version,
        "promotion": promotion,
        "recall": metrics.get("recall"),
        "guarantee": report_text.guarantee_note(guarantee) if guarantee else "",
        "candidate": _newer_candidate(version),
        "fallback": _fallback_version(product, version, promotion),
    }


def training_summary(product: Product) -> dict[str, Any]:
    """Return the running training with its time left, the last ended one, and the next due time."""
    runs = TrainingRun.objects.filter(model=product.registered_model_id).select_related("version")
    running = runs.filter(pk__in=TrainingRun.objects.unfinished()).first()
    return {
        "running": running,
        "left": _time_left(running) if running else None,
        "last": runs.exclude(pk__in=TrainingRun.objects.unfinished()).first(),
        "due": next_retraining(product) if product.retrain_nightly else None,
    }


def _time_left(run: TrainingRun) -> timedelta | None:
    """Return the remaining time of a run at its present pace; None below 10 % progress."""
    if run.started_at is None or run.progress < MIN_PROGRESS:
        return None
    return (timezone.now() - run.started_at) * (1 / run.progress - 1)


def recent_runs(product: Product) -> QuerySet[TrainingRun]:
    """Return the latest training runs."""
    return TrainingRun.objects.filter(model=product.registered_model_id).select_related("version")[:MAX_RUNS_SHOWN]


def next_retraining(product: Product) -> datetime:
    """Return the next night's retraining time in local time."""
    local = timezone.localtime(retraining.last_due(product, timezone.now()))
    return timezone.make_aware(datetime.combine(local.date() + timedelta(days=1), product.retrain_at))


def station_summaries(product: Product) -> list[dict[str, Any]]:
    """Return each station with its last part and its parts of the last hour."""
    since = timezone.now() - timedelta(hours=1)
    rows = Inspection.objects.filter(product=product, received_at__gte=since).order_by()
    rates = {row["station"]: row["number"] for row in rows.values("station").annotate(number=Count("pk"))}
    parts = Inspection.objects.filter(product=product).order_by("-received_at")
    return [
        {"station": station, "last": parts.filter(station=station).first(), "rate": rates.get(station.pk, 0)}
        for station in product.stations.all()
    ]


def station_latencies(product: Product, stations: Iterable[Station]) -> list[dict[str, Any]]:
    """Return each of the product's stations that has sent parts, with its deadline and its newest parts' latency.

    Equal for LATENCY_CACHE_SECONDS: an open dashboard asks every few seconds.
    """
    key = f"latencies-{product.pk}"
    rows: list[dict[str, Any]] | None = cache.get(key)
    if rows is None:
        measured = [(station, station_latency(station)) for station in stations]
        rows = [
            {"station": station, "latency": latency, "deadline_ms": applied_deadline_ms(station)}
            for station, latency in measured
            if latency.parts
        ]
        cache.set(key, rows, LATENCY_CACHE_SECONDS)
    return rows


def longest_latency_ms(latencies: list[dict[str, Any]]) -> float:
    """Return the end of the axis that the charts of all stations share."""
    return max((max(row["latency"].p99, row["deadline_ms"] or 0.0) for row in latencies), default=0.0)


def _newer_candidate(version: ModelVersion) -> ModelVersion | None:
    newer = ModelVersion.objects.filter(model=version.model_id, number__gt=version.number)
    return newer.filter(state=ModelVersion.State.CANDIDATE).order_by("-number").first()


def _fallback_version(product: Product, version: ModelVersion, promotion: Promotion | None) -> ModelVersion | None:
    """Return the version that scored the newest part, if it is not the champion; else None.

    A fallback version means that the champion's files are damaged on the scoring machine. Parts decided within
    PROMOTION_GRACE of the promotion do not count: they were in progress.
    """
    scored = Inspection.objects.filter(product=product, state=Inspection.State.DECIDED)
    last = scored.select_related("model_version").order_by("-received_at").first()
    if last is None or last.model_version in (None, version) or promotion is None or last.decided_at is None:
        return None
    return last.model_version if last.decided_at > promotion.created_at + PROMOTION_GRACE else None


def _inspected(product: Product) -> QuerySet[Inspection]:
    return Inspection.objects.filter(product=product, verdict__isnull=False).exclude(source=Inspection.Source.IMPORT)


def _count_verdicts(parts: QuerySet[Inspection]) -> VerdictCounts:
    rows = parts.order_by().values_list("verdict").annotate(number=Count("pk"))
    return _verdict_counts({str(verdict): number for verdict, number in rows})


def _verdict_counts(by_verdict: dict[str, int]) -> VerdictCounts:
    keys = {"passed": "PASS", "review": "REVIEW", "failed": "FAIL"}
    counts = {key: by_verdict.get(verdict, 0) for key, verdict in keys.items()}
    return counts | {"total": sum(counts.values())}


def _past_counts(product: Product, first: date, end: date) -> dict[date, VerdictCounts]:
    key = f"days-{product.pk}-{first}"
    counts: dict[date, VerdictCounts] | None = cache.get(key)
    if counts is None:
        counts = _count_days(product, first, end)
        cache.set(key, counts, PAST_DAYS_CACHE_SECONDS)
    return counts


def _count_days(product: Product, first: date, end: date) -> dict[date, VerdictCounts]:
    parts = _inspected(product).filter(received_at__gte=_midnight(first), received_at__lt=_midnight(end))
    by_day = parts.order_by().annotate(day=TruncDate("received_at"))
    stored = by_day.values_list("day", "verdict").annotate(number=Count("pk"))
    removed = RemovedParts.objects.filter(product=product, day__gte=first, day__lt=end)
    counts: dict[date, Counter[str]] = {}
    # One statement, so that a part removed meanwhile is counted once.
    for day, verdict, number in stored.union(removed.values_list("day", "verdict", "number"), all=True):
        counts.setdefault(day, Counter())[str(verdict)] += number
    return {day: _verdict_counts(by_verdict) for day, by_verdict in counts.items()}


def _promotions_by_day(product: Product, first: date) -> dict[date, list[int]]:
    rows = Promotion.objects.filter(model=product.registered_model_id, created_at__gte=_midnight(first))
    versions: dict[date, list[int]] = {}
    for promotion in rows.select_related("version").order_by("created_at"):
        versions.setdefault(timezone.localdate(promotion.created_at), []).append(promotion.version.number)
    return versions


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))
