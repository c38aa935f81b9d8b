"""Versions that say different things of the same images: copies of the session's one, with another word on some."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.vision.learn import Learned
from tests.trained import _make as make
from tests.trained import rewrite


def figure(value: float, reach: float = 0.05) -> dict[str, Any]:
    """A share of eight parts with an interval of that reach."""
    return {"value": value, "low": value - reach, "high": min(1.0, value + reach), "n": 8, "parts": 8, "method": "hand"}


def right_about(learned: Learned) -> list[dict[str, Any]]:
    """The session's predictions as they would be if it were right about every image, the surest last."""
    rows: list[dict[str, Any]] = json.loads(json.dumps(learned.report["predictions"]))
    for number, row in enumerate(rows):
        share = 0.05 + 0.4 * number / len(rows)
        row |= {"defect_probability": 1 - share if row["target"] else share, "label": _label(row["target"])}
    return rows


def make_apart(
    model: RegisteredModel,
    learned: Learned,
    wrong: Mapping[str, float],
    *,
    champion: bool = False,
    metrics: Mapping[str, Any] = {},
    without: str = "",
) -> ModelVersion:
    """A version that is right about all images but those in ``wrong``, by name with the probability it gives them; the
    image ``without`` was not measured. ``metrics`` stand in its report in the place of the session's."""
    rows = [row for row in right_about(learned) if row["name"] != without]
    for row in rows:
        if row["name"] in wrong:
            row |= {"defect_probability": wrong[row["name"]], "label": _label(1 - row["target"])}
    report = {**learned.report, "metrics": {**learned.report["metrics"], **metrics}, "predictions": rows}
    version = make(model, replace(learned, report=report), False)
    rewrite(version.path / "report.json", json.dumps(report).encode())
    if champion:
        # Not by the registry, which would find that the directory is not the one that was trained.
        ModelVersion.objects.filter(model=model, state="champion").update(state="retired")
        ModelVersion.objects.filter(pk=version.pk).update(state="champion")
        version.promotions.create(model=model, reason="The test's champion.")
    return version


def _label(target: int) -> str:
    return "FAIL" if target else "PASS"
