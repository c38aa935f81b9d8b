"""Versions that say different things of the same images: copies of the session's one, with another word on some."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.registry import registry
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving import bundle
from tests.tiny_model import _make as make
from tests.tiny_model import replace_file


def make_estimate(value: float, reach: float = 0.05) -> dict[str, Any]:
    """A share of eight parts with an interval of that reach."""
    return {"value": value, "low": value - reach, "high": min(1.0, value + reach), "n": 8, "parts": 8, "method": "hand"}


def correct_predictions(learned: LearnedVersion) -> list[dict[str, Any]]:
    """The session's predictions as they would be if it were right about every image, the surest last."""
    rows: list[dict[str, Any]] = json.loads(json.dumps(learned.report["predictions"]))
    for number, row in enumerate(rows):
        share = 0.05 + 0.4 * number / len(rows)
        row |= {"defect_probability": 1 - share if row["target"] else share, "label": _label(row["target"])}
    return rows


def make_disagreeing_version(
    model: RegisteredModel,
    learned: LearnedVersion,
    wrong_probabilities: Mapping[str, float],
    *,
    champion: bool = False,
    metrics: Mapping[str, Any] = {},
    without: str = "",
) -> ModelVersion:
    """A version that is right about all images but those in ``wrong_probabilities``, by name with the probability it
    gives them; the
    image ``without`` was not measured. ``metrics`` stand in its report in the place of the session's."""
    rows = [row for row in correct_predictions(learned) if row["name"] != without]
    for row in rows:
        if row["name"] in wrong_probabilities:
            row |= {"defect_probability": wrong_probabilities[row["name"]], "label": _label(1 - row["target"])}
    report = {**learned.report, "metrics": {**learned.report["metrics"], **metrics}, "predictions": rows}
    version = make(model, replace(learned, report=report), False)
    _write_report(version, json.dumps(report).encode())
    if champion:
        registry.promote(version, by=None, reason="The test's champion.", override="The test needs it now.")
    return version


def _write_report(version: ModelVersion, report: bytes) -> None:
    """Give a version another report.json, as if it had been written with it."""
    replace_file(version.path / bundle.REPORT, report)
    manifest = json.loads((version.path / bundle.MANIFEST).read_bytes())
    manifest[bundle.REPORT] = hashlib.sha256(report).hexdigest()
    replace_file(version.path / bundle.MANIFEST, json.dumps(manifest).encode())
    version.sha256 = bundle.digest_of_hashes(manifest)
    version.save(update_fields=["sha256"])


def _label(target: int) -> str:
    return "FAIL" if target else "PASS"
