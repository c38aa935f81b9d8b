"""Localization: does the evidence map's maximum lie on a defect's mask or marks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from mltasks.vision.heads.classifier import Head
from mltasks.vision.training.features.feature_bank import EVALUATION_BATCH, TrainingData, batches

# Cells around a mask or mark that still count, as a defect's edge lies anywhere in its cell
TOLERANCE_CELLS = 1


def localized_defects(head: Head | None, data: TrainingData, indices: Sequence[int]) -> dict[int, bool]:
    """Return for each index with a mask or marks if the head's highest cell lies on them; empty without a head."""
    if head is None:
        return {}
    placed = [index for index in indices if index in data.bank.places and (data.bank.places[index] > 0).any()]
    hits: dict[int, bool] = {}
    with torch.inference_mode():
        for batch in batches(placed, EVALUATION_BATCH):
            _, cells = head(data.bank.clean_batch(batch, data.compute))
            for index, values in zip(batch, cells.cpu(), strict=True):
                places = torch.from_numpy(data.bank.places[index]).float()
                near = F.max_pool2d(places[None], 2 * TOLERANCE_CELLS + 1, 1, TOLERANCE_CELLS)
                hits[index] = bool(near.flatten()[int(values.argmax())] > 0)
    return hits
