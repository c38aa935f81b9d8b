"""Out-of-fold predictions of folds, and the operating points fitted on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mltasks.vision.calibration.operating_point import (
    LABELED_MEMORY,
    PIXEL_AUTOENCODER,
    HeldOutScores,
    OperatingPoint,
    fit_operating_point,
)
from mltasks.vision.data.splits import part_keys
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.guarantees.thresholds import cost_threshold, review_band
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.training.fit_detectors import enabled_detectors
from mltasks.vision.training.folds import FINAL, HOLDOUT_FOLD, Fold, TrainingContext, split_indices, train_fold
from mltasks.vision.training.progress import Stage


def collect_held_out(folds: Sequence[Fold], context: TrainingContext) -> HeldOutScores:
    """Return the held-out scores of several folds as one set."""
    indices = [index for fold in folds for index in fold.held_out]
    names = list(folds[0].scores)
    keys = part_keys(context.samples)
    scores = {name: [value for fold in folds for value in fold.scores[name]] for name in names}
    peaks = {name: [value for fold in folds for value in fold.peaks[name]] for name in names}
    scores[PIXEL_AUTOENCODER] = [error.mean for fold in folds for error in fold.errors]
    peaks[PIXEL_AUTOENCODER] = [error.worst_cell for fold in folds for error in fold.errors]
    targets = [int(context.data.targets[index]) for index in indices]
    return HeldOutScores(scores, peaks, targets, [keys[index] for index in indices])


def operating_point_of(folds: Sequence[Fold], context: TrainingContext) -> OperatingPoint:
    """Fit weights, calibration, thresholds and deciding detector on the folds' held-out scores."""
    config = context.data.config
    low, _ = review_band(config.costs)
    return fit_operating_point(
        collect_held_out(folds, context),
        enabled_detectors(config),
        config.novelty_quantile,
        config.seed,
        low,
        config.score_removals,
    )


def predict_fold(context: TrainingContext, fold: Fold, operating_point: OperatingPoint) -> list[Prediction]:
    """Return a fold's predictions of its held-out images at an operating point, in their order."""
    held_out = collect_held_out([fold], context)
    logits = operating_point.fusion.logits(held_out.scores)
    probabilities = operating_point.calibrator.probability(logits)
    novelty = operating_point.novelty(held_out.scores)
    fails_from = cost_threshold(context.data.config.costs)
    return [
        Prediction(
            name=sample.name,
            sha256=sample.sha256,
            path=sample.path,
            roi=sample.roi,
            bit_depth=sample.bit_depth,
            part=held_out.parts[at],
            target=sample.target,
            defect_type=sample.defect_type,
            split=sample.split,
            logit=float(logits[at]),
            probability=float(probabilities[at]),
            reconstruction_error=held_out.scores[PIXEL_AUTOENCODER][at],
            anomaly_threshold=operating_point.thresholds[PIXEL_AUTOENCODER],
            detector=operating_point.detector,
            detectors={name: values[at] for name, values in novelty.items()},
            labeled_novelty=held_out.scores[LABELED_MEMORY][at] / operating_point.labeled_novelty_threshold
            if operating_point.labeled_novelty_threshold and probabilities[at] >= fails_from
            else None,
            localized=fold.localized.get(index),
        )
        for at, (index, sample) in enumerate((index, context.samples[index]) for index in fold.held_out)
    ]


def cross_fit(
    folds: Mapping[str, Fold], context: TrainingContext, labeled: Collection[int] | None = None
) -> list[Prediction]:
    """Return the folds' out-of-fold predictions.

    The operating point for a fold is fitted on the other folds. If ``labeled`` is given, only these images are used for
    the fit."""
    predictions: list[Prediction] = []
    for name, fold in folds.items():
        others = [_restrict_to_labeled(folds[other], labeled) for other in folds if other != name]
        predictions += predict_fold(context, fold, operating_point_of(others, context))
    return predictions


def predict_holdout(
    context: TrainingContext, stage: Stage, labeled: Collection[int] | None = None
) -> tuple[Fold, OperatingPoint, list[Prediction]]:
    """Train on ``train``, fit the operating point on ``validation``, and predict ``test``.

    If ``labeled`` is given, only these images of ``train`` and ``validation`` are used."""
    train, validation = (split_indices(context.samples, split, labeled) for split in ("train", "validation"))
    held_out, middle = [*validation, *split_indices(context.samples, "test")], len(validation)
    purpose = () if labeled is None else (len(labeled),)
    seed = derive_seed(context.data.config.seed, "holdout", *purpose)
    fold = train_fold(context.for_label_count(len(train)), train, held_out, seed, stage)
    return fold, *_fit_and_predict(context, fold, middle)


def refit(folds: Mapping[str, Fold], context: TrainingContext) -> tuple[OperatingPoint, list[Prediction]]:
    """Return operating point and predictions of a version's trained folds, as ``context`` has them fitted.

    Nothing is trained. No part is predicted with an operating point that was fitted on it."""
    if HOLDOUT_FOLD in folds:
        return _fit_and_predict(context, folds[HOLDOUT_FOLD], len(split_indices(context.samples, "validation")))
    held_out = {name: fold for name, fold in folds.items() if name != FINAL}
    return operating_point_of(list(held_out.values()), context), cross_fit(held_out, context)


def _fit_and_predict(context: TrainingContext, fold: Fold, middle: int) -> tuple[OperatingPoint, list[Prediction]]:
    """Fit the operating point on the first ``middle`` held-out images and predict the others."""
    operating_point = operating_point_of([select_held_out(fold, range(middle))], context)
    test_fold = select_held_out(fold, range(middle, len(fold.held_out)))
    return operating_point, predict_fold(context, test_fold, operating_point)


def _restrict_to_labeled(fold: Fold, labeled: Collection[int] | None) -> Fold:
    if labeled is None:
        return fold
    return select_held_out(fold, [at for at, index in enumerate(fold.held_out) if index in labeled])


def select_held_out(fold: Fold, positions: Sequence[int]) -> Fold:
    """Return the fold with only some of its held-out images."""
    return replace(
        fold,
        held_out=[fold.held_out[at] for at in positions],
        scores={name: [values[at] for at in positions] for name, values in fold.scores.items()},
        peaks={name: [values[at] for at in positions] for name, values in fold.peaks.items()},
        errors=[fold.errors[at] for at in positions],
    )
