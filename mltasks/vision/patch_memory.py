"""Unlike any good part: how far each patch is from the nearest patch of good parts.

PatchCore (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022): features of the frozen
trunk, a memory thinned by greedy k-centre selection. The score is the mean of the highest one percent of the distances
instead of their maximum: it is steadier, and no worse on the parts we measured.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mltasks.vision.classifier import Head
from mltasks.vision.features import Seen, patches, second_patches, top_mean

MEMORY = 1024
CANDIDATES = 12_000
PROJECTED = 64
TOP_SHARE = 0.01
STRANGE_SHARE, KNOWN = 0.02, 512


class PatchMemory(Head):
    """Distances to the memory ``[m, 384]`` of standardised patches: score ``[N]`` and distances ``[N, h, w]``.
    ``second`` remembers the companion's patches instead, ``[m, 120]``."""

    def __init__(self, mean: Tensor, deviation: Tensor, memory: Tensor, *, second: bool = False) -> None:
        super().__init__()
        self.second = second
        for name, value in (("mean", mean), ("deviation", deviation), ("memory", memory)):
            self.register_buffer(name, value.clone())
        self.register_buffer("squares", memory.square().sum(1))
        self.mean: Tensor
        self.deviation: Tensor
        self.memory: Tensor
        self.squares: Tensor

    def standard(self, seen: Seen) -> Tensor:
        """Standardised patches ``[N, h × w, channels]``."""
        found = second_patches(seen) if self.second else patches(seen)
        x = (found - self.mean.view(1, -1, 1, 1)) / self.deviation.view(1, -1, 1, 1)
        return x.flatten(2).transpose(1, 2)

    def forward(self, seen: Seen) -> tuple[Tensor, Tensor]:
        count, _, height, width = seen.middle.shape
        flat = self.standard(seen)
        channels = flat.shape[2]
        squared = flat.square().sum(2) + (self.squares - 2 * flat @ self.memory.T).amin(2)
        # Per channel, so that the scale does not depend on how many there are.
        cells = (squared.clamp_min(0) / channels).sqrt().view(count, height, width)
        return top_mean(cells, TOP_SHARE), cells


def remember(rows: Tensor, seed: int, *, second: bool = False) -> PatchMemory:
    """A memory of good parts' patches ``[n, channels]`` (as ``features.patches`` or, for ``second``,
    ``second_patches``, one a row). Deterministic by the seed."""
    mean, deviation = rows.mean(0), rows.std(0).clamp_min(1e-4)
    generator = torch.Generator().manual_seed(seed)
    drawn = rows[torch.randperm(len(rows), generator=generator)[:CANDIDATES]]
    standard = (drawn - mean) / deviation
    chosen = coreset(standard, min(MEMORY, len(standard)), generator)
    return PatchMemory(mean, deviation, standard[chosen], second=second).eval()


def strange_patches(memory: PatchMemory, seen: Seen) -> Tensor:
    """The standardised patches ``[n, 384]`` that make these images differ from what the memory holds: of each its
    farthest two percent."""
    cells = memory(seen)[1].flatten(1)
    places = cells.topk(max(1, round(STRANGE_SHARE * cells.shape[1])), dim=1).indices
    flat = memory.standard(seen)
    return flat.gather(1, places.unsqueeze(2).expand(-1, -1, flat.shape[2])).flatten(0, 1)


def with_known(memory: PatchMemory, strange: Tensor, seed: int) -> PatchMemory:
    """The memory, and what labeled defects look like: far from it is what no label has shown."""
    generator = torch.Generator().manual_seed(seed)
    chosen = strange[coreset(strange, min(KNOWN, len(strange)), generator)]
    return PatchMemory(memory.mean, memory.deviation, torch.cat([memory.memory, chosen])).eval()


def coreset(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices of ``count`` rows that leave no row far from the nearest of them: greedy k-centre (Sener and Savarese,
    ICLR 2018) after a random projection (Johnson and Lindenstrauss), as PatchCore does it."""
    projection = torch.randn(rows.shape[1], PROJECTED, generator=generator) / PROJECTED**0.5
    flat = rows @ projection
    chosen = torch.zeros(count, dtype=torch.long)
    nearest = (flat - flat[0]).square().sum(1)
    for number in range(1, count):
        chosen[number] = nearest.argmax()
        nearest = torch.minimum(nearest, (flat - flat[chosen[number]]).square().sum(1))
    return chosen
