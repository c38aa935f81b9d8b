"""Steps that all training loops share: a gradient step, a learning rate on a cosine, and modules that never train."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """Module that stays in eval mode: frozen batch norm must not drift, whatever the module around it does."""

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        del mode
        return super().train(False)


def gradient_step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step of the optimizer down the gradient of the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def half_cosine(done: float, steps: float) -> float:
    """Return the share of the learning rate after ``done`` of the steps: half a cosine from 1 down to 0."""
    return 0.5 * (1 + math.cos(math.pi * done / steps))
