"""A whole map in three numbers a channel."""

from __future__ import annotations

import torch
from torch import Tensor


def statistics_of(*maps: Tensor) -> Tensor:
    """Mean, deviation and maximum over the positions of each channel: ``[N, 3 × channels]``."""
    found = []
    for one in maps:
        flat = one.float().flatten(2)
        mean = flat.mean(2)
        deviation = ((flat - mean.unsqueeze(2)).square().mean(2) + 1e-12).sqrt()
        found += [mean, deviation, flat.amax(2)]
    return torch.cat(found, 1)
