"""Training of a version: from labeled samples to fitted models and out-of-fold predictions.

Below the config's label limit a cross-validation is used: every label trains some folds and measures another one. Above
the limit a holdout is used: the version that serves is the version that was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from mltasks.vision.calibration.operating_point import PIXEL_AUTOENCODER, OperatingPoint
from mltasks.vision.evaluation.learning_curve import CurvePrediction
from mltasks.vision.evaluation.predictions import EvaluationProtocol, Prediction
from mltasks.vision.guarantees.thresholds import cost_threshold
from mltasks.vision.networks.backbones import WeightsSource
from mltasks.vision.networks.compute import Compute, derive_seed
from mltasks.vision.networks.feature_networks.auxiliary_network import AUX_BACKBONES, build_auxiliary
from mltasks.vision.networks.feature_networks.network_registry import FEATURE_NETWORKS, build_feature_network
from mltasks.vision.networks.trunk import STRIDE, Trunk
from mltasks.vision.train_config import SEGMENTATION_RECIPE, TrainConfig
from mltasks.vision.training.features.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.fit_detectors import DETECTORS
from mltasks.vision.training.folds import (
    FINAL,
    HOLDOUT_FOLD,
    Fold,
    TrainingContext,
    split_indices,
    train_folds,
)
from mltasks.vision.training.learning_curve_trials import plan_trials, run_trials
from mltasks.vision.training.out_of_fold import cross_fit, predict_holdout, refit
from mltasks.vision.training.progress import Stage
from mltasks.vision.training.speed.score_sets import GraphCost, ScoreSet, choose_score_set, measure_score_sets
from mltasks.vision.training.speed.speed_checks import check_speed_settings
from mltasks.vision.training.time_estimate import progress_shares
from mltasks.vision.types import Sample, Thresholds

HOLDOUT_SPLITS = ("train", "validation", "test")
HEADS = (SEGMENTATION_RECIPE, "pooled")
BACKBONE_SCALES = (1.0, 0.5)
AUTO, F32 = PRECISIONS = ("auto", "f32")
POSITIVE_SETTINGS = (
    *("max_epochs", "dense_epochs", "autoencoder_epochs", "batch_size"),
    *("oversampling", "draws_cap", "patience"),
)


@dataclass(frozen=True, slots=True)
class FittedVersion:
    """Trained version before it is written to disk.

    ``folds`` holds all trainings by name, ``final`` the training to serve. ``predictions`` cover parts that the
    predicting fold was not trained on. ``curve_predictions`` are the predictions with fewer labels, and last with all
    labels; empty without a learning curve. ``score_sets`` are versions of the same training with more and fewer scores;
    empty if none were measured."""

    config: TrainConfig
    weights: WeightsSource
    trunk: Trunk
    folds: dict[str, Fold]
    final: Fold
    operating_point: OperatingPoint
    predictions: list[Prediction]
    protocol: EvaluationProtocol
    views: int
    compute: dict[str, str | int]
    curve_predictions: list[CurvePrediction] = field(default_factory=list)
    score_sets: list[ScoreSet] = field(default_factory=list)

    @property
    def thresholds(self) -> Thresholds:
        """Return the thresholds of the version."""
        return Thresholds(cost_threshold(self.config.costs), self.operating_point.thresholds[PIXEL_AUTOENCODER])


def fit(
    samples: Sequence[Sample],
    config: TrainConfig,
    compute: Compute,
    stage: Stage,
    measure: Callable[[FittedVersion, OperatingPoint], GraphCost] | None = None,
) -> FittedVersion:
    """Train on samples whose splits are set, inside ``compute.reproducible``.

    ``measure`` returns the cost of the serving graph with an operating point. Without it, no score sets are compared
    and a time budget is ignored.

    Raises ValueError for invalid splits or sizes, and UnreadableSample, which names the image."""
    check_samples(samples, config)
    trunk, weights = build_trunk(config)
    learning = {index for index, sample in enumerate(samples) if sample.split not in ("validation", "test")}
    folds, trials = samples[0].split.startswith("fold-"), plan_trials(samples, config)
    sizes = [(len(trial.labeled), len(trial.folds) or 1) for trial in trials]
    extraction_end, training_end = progress_shares(len(learning), folds, config, sizes)
    part = stage.substage(0, extraction_end, "extracting features")
    bank = build_feature_bank(samples, learning, trunk, config, compute, part)
    data = TrainingData(bank, np.array([sample.target for sample in samples]), config, compute)
    context = TrainingContext(samples, data, trunk)
    protocol = cross_validate if folds else fit_holdout
    fitted = protocol(context, weights, stage.substage(extraction_end, training_end))
    if measure is not None and (config.trade_points or config.budget_ms):
        stage.report(training_end, "comparing score sets")
        fitted = with_score_sets(fitted, context, measure)
        context = context.with_config(fitted.config)
    rest = stage.substage(training_end, 1).without_metrics()
    return replace(fitted, curve_predictions=run_trials(trials, context, fitted.folds, fitted.predictions, rest))


def with_score_sets(
    fitted: FittedVersion, context: TrainingContext, measure: Callable[[FittedVersion, OperatingPoint], GraphCost]
) -> FittedVersion:
    """Return the version with its score sets, and with the set that the config's budget chooses."""
    config = fitted.config
    made = (fitted.operating_point, fitted.predictions)
    sets = measure_score_sets(fitted.folds, context, lambda point: measure(fitted, point), made)
    chosen = choose_score_set(sets, config.score_removals, config.budget_ms)
    return replace(
        fitted,
        config=replace(config, score_removals=chosen.removals),
        operating_point=chosen.operating_point,
        predictions=chosen.predictions,
        score_sets=sets,
    )


def build_trunk(config: TrainConfig) -> tuple[Trunk, WeightsSource]:
    """Build the frozen trunk of the config's backbones, and return the source of the backbone's weights.

    Without an auxiliary backbone, the backbone sees the parts at full size, because its maps are the finest.

    Raises ValueError for an unknown name, FileNotFoundError for a missing file, and WeightsError (a ValueError) for
    weights that cannot be had, do not fit or do not match their hash."""
    torch.manual_seed(derive_seed(config.seed, "backbone"))
    network, weights = build_feature_network(config.backbone, config.backbone_weights)
    if not config.companion:
        return Trunk(network), weights
    return Trunk(network, build_auxiliary(config.companion), config.backbone_scale), weights


def check_samples(samples: Sequence[Sample], config: TrainConfig) -> None:
    """Check the splits and the config.

    Raises ValueError unless the splits are all folds or all of a holdout, and as ``check_config`` does."""
    splits = {sample.split for sample in samples}
    folds = {split for split in splits if split.startswith("fold-")}
    if not (splits == folds and len(folds) > 1) and splits != set(HOLDOUT_SPLITS):
        raise ValueError(f"Samples need splits fold-0, fold-1, … or train, validation and test, not {sorted(splits)}.")
    check_config(config)


def check_config(config: TrainConfig) -> None:
    """Check that the settings suit the networks; the input size must be chosen already.

    Raises ValueError."""
    if config.height % STRIDE or config.width % STRIDE or min(config.height, config.width) < STRIDE:
        raise ValueError(f"The input size must be multiples of {STRIDE}, not {config.height} × {config.width}.")
    if config.head not in HEADS or not set(config.detectors) <= set(DETECTORS):
        raise ValueError(f"head must be one of {', '.join(HEADS)}; detectors must be among {', '.join(DETECTORS)}.")
    check_speed_settings(config)
    if config.backbone_scale not in BACKBONE_SCALES:
        raise ValueError(f"backbone_scale must be 1 or 0.5, not {config.backbone_scale}.")
    if config.backbone not in FEATURE_NETWORKS:
        raise ValueError(f"Unknown backbone {config.backbone!r}. Known: {', '.join(FEATURE_NETWORKS)}.")
    if config.companion not in AUX_BACKBONES:
        raise ValueError(f"companion must be empty or one of {', '.join(AUX_BACKBONES[1:])}, not {config.companion!r}.")
    if not all(0 < share < 1 for share in config.curve_shares):
        raise ValueError(f"curve_shares must lie between 0 and 1, not {config.curve_shares}.")
    if config.precision not in PRECISIONS:
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, not {config.precision!r}.")
    low = [name for name in POSITIVE_SETTINGS if getattr(config, name) < 1]
    low += [name for name in ("views", "synthetic_views", "stage_epochs") if getattr(config, name) < 0]
    if low:
        raise ValueError(f"{', '.join(low)} must be at least 1 (views, synthetic_views and stage_epochs: at least 0).")
    if not 0 < config.novelty_quantile < 1:
        raise ValueError(f"novelty_quantile must lie between 0 and 1, not {config.novelty_quantile}.")


def cross_validate(context: TrainingContext, weights: WeightsSource, stage: Stage) -> FittedVersion:
    """Train once without each fold and once with all samples.

    The operating point used for a fold's predictions is fitted on the other folds."""
    names, count = sorted({sample.split for sample in context.samples}), len(context.samples)
    folds = train_folds(context, [*names, FINAL], stage)
    point, predictions = refit(folds, context)
    protocol = EvaluationProtocol("cross-validation", len(names), count, 0, count, context.data.config.seed)
    return _fitted_version(context, weights, folds, folds[FINAL], point, predictions, protocol)


def cross_fit_predictions(context: TrainingContext, stage: Stage) -> list[Prediction]:
    """Return the out-of-fold predictions of a cross-validation, without building a version.

    The samples must carry folds."""
    names = sorted({sample.split for sample in context.samples})
    return cross_fit(train_folds(context, names, stage), context)


def fit_holdout(context: TrainingContext, weights: WeightsSource, stage: Stage) -> FittedVersion:
    """Train on ``train``, fit the operating point on ``validation`` and predict ``test``."""
    fold, point, predictions = predict_holdout(context, stage)
    train, validation, test = (len(split_indices(context.samples, split)) for split in HOLDOUT_SPLITS)
    protocol = EvaluationProtocol("holdout", 0, train, validation, test, context.data.config.seed)
    return _fitted_version(context, weights, {HOLDOUT_FOLD: fold}, fold, point, predictions, protocol)


def _fitted_version(
    context: TrainingContext,
    weights: WeightsSource,
    folds: dict[str, Fold],
    final: Fold,
    operating_point: OperatingPoint,
    predictions: list[Prediction],
    protocol: EvaluationProtocol,
) -> FittedVersion:
    data = context.data
    return FittedVersion(
        config=data.config,
        weights=weights,
        trunk=context.trunk,
        folds=folds,
        final=final,
        operating_point=operating_point,
        predictions=predictions,
        protocol=protocol,
        views=data.bank.views,
        compute=data.compute.describe(),
    )
