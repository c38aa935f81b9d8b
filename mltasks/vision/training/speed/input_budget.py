"""Choice of the input size for a time budget: the largest whose networks leave room for heads and detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mltasks.vision.networks.input_size import pixel_budget, resolve_input_size
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.fit import build_trunk
from mltasks.vision.training.speed.graph_timer import median_milliseconds
from mltasks.vision.types import Sample

# Largest share of the budget for the network that every score needs. Measured at 512 × 288: 0.76 of the time of the
# smallest graph, 0.69 with all scores but the ResNet18's, 0.54 with all.
NETWORK_SHARE = 0.7
# Pixels of the candidates, as shares of those of the config's speed
CANDIDATE_SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125)
# From a config with a size to the milliseconds of its network for one image on one thread
TimeNetwork = Callable[[TrainConfig], float]


def choose_input_size_within(
    config: TrainConfig, samples: Sequence[Sample], time_network: TimeNetwork | None = None
) -> TrainConfig:
    """Return the config with its size chosen where it is 0, for its time budget if it has one.

    The candidates are timed from the largest down. If none leaves room, the smallest is returned."""
    if not config.budget_ms or (config.height and config.width):
        return resolve_input_size(config, samples)
    most = pixel_budget(config)
    candidates = [resolve_input_size(config, samples, round(share * most)) for share in CANDIDATE_SHARES]
    measure = time_network or network_timer(config)
    # Small parts have the same size at several candidates.
    for candidate in dict.fromkeys(candidates):
        if measure(candidate) <= NETWORK_SHARE * config.budget_ms:
            return candidate
    return candidates[-1]


def network_timer(config: TrainConfig) -> TimeNetwork:
    """Return a function that times the auxiliary backbone, or the only backbone without one.

    A backbone beside an auxiliary one is not timed: its scores are removed if the budget is too small for them."""
    trunk, _ = build_trunk(config)

    def milliseconds(sized: TrainConfig) -> float:
        example = torch.zeros((1, 3, sized.height, sized.width))
        return median_milliseconds(trace_to_openvino(_MainNetwork(trunk), example), example.numpy())

    return milliseconds


class _MainNetwork(nn.Module):
    """Maps of the network that every score needs."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        maps = self.trunk(rgb)
        if self.trunk.companion is None:
            return maps.layer2, maps.layer3, maps.statistics
        return maps.fine, maps.aux_maps, maps.aux_coarse, maps.aux_statistics
