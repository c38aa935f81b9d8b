"""Lineage of a version: snapshot, run, settings, code, libraries, machine and seed.

Plain values and hashes in a dictionary, for REST, pages and model cards. Values that an older or imported version lacks
are None or empty.
"""

from __future__ import annotations

from typing import Any

from mltasks.models import DatasetSnapshot, ModelVersion, TrainingRun

LineageData = dict[str, Any]


def build_version_lineage(version: ModelVersion) -> LineageData:
    """Return the version's lineage.

    It reads the run, its requesting user and the snapshot: select these with the version.
    """
    meta, run = version.meta, version.run
    config = meta.get("config") or run.config
    return {
        "version": {
            "product": version.model.name,
            "number": version.number,
            "sha256": version.sha256,
            "made_at": version.created_at,
        },
        "snapshot": snapshot_lineage(run.snapshot),
        "run": _run(run, meta.get("training", {}).get("seconds")),
        "seed": config.get("seed"),
        "config": dict(sorted(config.items())),
        "asked": {name: value for name, value in sorted(run.config.items()) if config.get(name) != value},
        "backbone": _backbone(meta, config),
        "code": {name: meta.get("code", {}).get(name) or None for name in ("commit", "sha256")},
        "libraries": dict(sorted(meta.get("libraries", {}).items())),
        "machine": {name: value for name, value in sorted(meta.get("compute", {}).items()) if name != "python"},
        "python": meta.get("compute", {}).get("python"),
    }


def snapshot_lineage(snapshot: DatasetSnapshot | None) -> LineageData | None:
    """Return a snapshot's number, hash, time and counts; None without a snapshot."""
    if snapshot is None:
        return None
    return {
        "number": snapshot.number,
        "sha256": snapshot.sha256,
        "frozen_at": snapshot.created_at,
        "images": snapshot.total,
        "good": snapshot.good,
        "defective": snapshot.defective,
    }


def _run(run: TrainingRun, seconds: float | None) -> LineageData:
    return {
        "id": run.pk,
        "attempt": run.attempt,
        "trigger": run.trigger,
        "asked_by": run.requested_by.get_username() if run.requested_by else None,
        "asked_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "learning_seconds": seconds,
    }


def _backbone(meta: LineageData, config: LineageData) -> LineageData:
    """Return the pretrained networks and the origin of their weights."""
    weights, companion = meta.get("backbone", {}), meta.get("companion") or {}
    return {
        "network": config.get("backbone"),
        "companion": config.get("companion") or None,
        "companion_sha256": companion.get("sha256") or None,
        "weights": weights.get("name"),
        "sha256": weights.get("sha256") or None,
        "note": weights.get("note") or None,
    }
