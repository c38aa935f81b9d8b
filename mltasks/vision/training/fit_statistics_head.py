"""Fit of the statistics heads: logistic regressions, whose optimum needs no early stopping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from mltasks.vision.heads.classifier import StatisticsHead
from mltasks.vision.networks.calibration_images import MIN_DEVIATION
from mltasks.vision.training.features.feature_bank import TrainingData

# Inverse ridge strength for thousands of standardized statistics; small, because there are often fewer parts.
RIDGE = 0.01


def fit_statistics_head(data: TrainingData, train: Sequence[int], source: str = "statistics") -> StatisticsHead:
    """Fit a ridge-penalized logistic regression to statistics of the images and their views.

    ``source`` names the statistics: ``statistics`` or ``aux_statistics``."""
    bank, indices = data.bank, np.asarray(train)
    clean, augmented = bank.clean.arrays[source][indices], bank.augmented.arrays[source]
    views = [augmented[bank.first_view_row[indices] * bank.views + view] for view in range(bank.views)]
    rows = np.concatenate([clean, *views]).astype(np.float64)
    targets = np.tile(data.targets[indices], 1 + bank.views)
    mean, deviation = rows.mean(0), np.maximum(rows.std(0), MIN_DEVIATION)
    # Divided by the rows per image, so that the number of views does not change the penalty.
    model = LogisticRegression(C=RIDGE / (1 + bank.views), class_weight="balanced", max_iter=1000)
    model.fit((rows - mean) / deviation, targets)
    parts = (mean, deviation, model.coef_[0], model.intercept_[0])
    head = StatisticsHead(*(torch.tensor(part, dtype=torch.float32) for part in parts), source=source)
    return head.to(data.compute.device).eval()
