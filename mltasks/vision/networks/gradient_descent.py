"""Training steps shared by all loops: gradient step, label loss, cosine learning rate, frozen modules."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LABEL_SMOOTHING = 0.05


class Frozen(nn.Module):
    """Module that stays in eval mode, so that frozen batch norms never drift."""

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
    """Return the share of the learning rate after ``done`` steps: a half cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * done / steps))


def smoothed_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the binary cross entropy of logits ``[N]`` and smoothed 0/1 targets, in 32 bits."""
    return F.binary_cross_entropy_with_logits(logits.float(), targets * (1 - 2 * LABEL_SMOOTHING) + LABEL_SMOOTHING)
