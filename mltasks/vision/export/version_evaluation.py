"""Evaluation of a trained version, and of the same training with more and fewer scores."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from mltasks.vision.evaluation.evaluate import Evaluation, evaluate
from mltasks.vision.evaluation.learning_curve import learning_curve
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.training.fit import FittedVersion

# Figures of each score set, by their names in ``Evaluation.metrics``
TRADE_METRICS = ("average_precision", "cost_per_1000", "review_rate", "novelty_auroc")


def evaluate_version(fitted: FittedVersion) -> Evaluation:
    """Evaluate a version's predictions at its costs and escape guarantee."""
    config = fitted.config
    return evaluate(
        fitted.predictions,
        fitted.protocol,
        config.costs,
        fitted.thresholds,
        weights=fitted.weights.name,
        guarantee=EscapeRateGuarantee(config.escape_rate, config.escape_confidence),
        defect_rate=config.defect_rate,
        escape_curve=build_escape_curve(fitted),
        learning_curve=learning_curve(fitted.curve_predictions, config.seed),
    )


def trade_report(fitted: FittedVersion) -> dict[str, Any]:
    """Return time and figures of each score set as plain JSON types, by time; empty if none was measured.

    The figures are computed as the version's own. ``removed`` are the scores that the time budget cost the version."""
    if not fitted.score_sets:
        return {}
    config, points = fitted.config, []
    for scores in sorted(fitted.score_sets, key=lambda scores: (-scores.removals, scores.cost.milliseconds)):
        point = scores.operating_point
        version = replace(fitted, operating_point=point, predictions=scores.predictions, curve_predictions=[])
        metrics = evaluate_version(version).metrics
        points.append(
            {
                "chosen": scores.removals == config.score_removals,
                "removals": scores.removals,
                "scores": list(point.fusion.weights),
                **asdict(scores.cost),
                **{name: metrics[name].to_json() for name in TRADE_METRICS},
            }
        )
    dropped = list(fitted.operating_point.fusion.dropped)
    removed = dropped[len(dropped) - config.score_removals :] if config.score_removals > 0 else []
    return {"budget_ms": config.budget_ms, "removed": removed, "points": points}


def build_escape_curve(fitted: FittedVersion) -> EscapeCurve:
    """Return the data of the escape guarantee: held-out logits with the serving calibration, and held-out novelty.

    In a cross-validation the logits are those of the fold models, not of the final models. The novelty is compared as
    in serving: with good parts below the FAIL threshold, with labeled defects too from it on."""
    rows, fails_from = fitted.predictions, fitted.thresholds.defect_probability
    probabilities = fitted.operating_point.calibrator.probability([row.logit for row in rows]).tolist()
    novelty = [
        row.good_part_novelty if probability < fails_from else row.novelty
        for row, probability in zip(rows, probabilities, strict=True)
    ]
    return EscapeCurve.from_images(probabilities, novelty, [row.target for row in rows], [row.part for row in rows])
