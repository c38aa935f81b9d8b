"""Unlike any good part: how far each patch is from the nearest patch of good parts.

PatchCore (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022): features of the frozen
trunk, a memory thinned by greedy k-centre selection. Distances count by what is usual at their place (``usual.py``),
and the score is the mean of the highest half percent of them instead of their maximum, which is steadier.

Unlike any good part in one place, on two scales at once: broad patches and fine detail must both find it strange.

A memory of fine detail finds the smallest blowhole and says where it is, but takes dust for something too; one of broad
patches knows a surface and hardly says where. The geometric mean of their cells outranks each of them, their sum, and
what more memories add (measured in docs/quality.md).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.positional_norm import PositionalNorm
from mltasks.vision.networks.trunk import FeatureMaps, aux_patches, top_mean, trunk_patches

MEMORY_SIZE = 1024
MAX_CANDIDATES = 12_000
PROJECTION_SIZE = 64
TOP_SHARE = 0.005
DEFECT_PATCH_SHARE, MAX_DEFECT_PATCHES = 0.02, 512
MIN_DEVIATION = 1e-4
# What a memory may be of; detail has its neighbours in it already
PATCH_SOURCES: dict[str, Callable[[FeatureMaps], Tensor]] = {
    "patches": trunk_patches,
    "second_patches": aux_patches,
    "detail": lambda seen: seen.compact,
}
# What each of them is made of, by name in ``FeatureMaps``
SOURCE_FIELDS = {"patches": ("layer2", "layer3"), "second_patches": ("aux_maps",), "detail": ("compact",)}
# Projected, so that each of its directions has the weight it should have
PRESCALED_SOURCES = frozenset({"detail"})


class PatchMemory(Head):
    """Distances to the memory ``[m, channels]`` of standardised patches, in deviations above what is usual at their
    place: score ``[N]`` and cells ``[N, h, w]``. ``source`` names what it compares, one of ``PATCH_SOURCES``."""

    def __init__(
        self,
        mean: Tensor,
        deviation: Tensor,
        memory: Tensor,
        positional_norm: PositionalNorm | None = None,
        *,
        source: str = "patches",
    ) -> None:
        super().__init__()
        self.source = source
        placed = positional_norm or PositionalNorm(torch.zeros(1, 1), torch.ones(1, 1))
        values = {"mean": mean, "deviation": deviation, "memory": memory}
        for name, value in {**values, "usual_mean": placed.mean, "usual_deviation": placed.deviation}.items():
            self.register_buffer(name, value.clone())
        self.register_buffer("squares", memory.square().sum(1))
        self.mean: Tensor
        self.deviation: Tensor
        self.memory: Tensor
        self.usual_mean: Tensor
        self.usual_deviation: Tensor
        self.squares: Tensor

    @property
    def positional_norm(self) -> PositionalNorm:
        """What good parts' distances are at each place."""
        return PositionalNorm(self.usual_mean, self.usual_deviation)

    def standardize(self, features: FeatureMaps) -> Tensor:
        """Standardised patches ``[N, h, w, channels]``."""
        found = PATCH_SOURCES[self.source](features).permute(0, 2, 3, 1)
        return (found - self.mean) / self.deviation

    def distances(self, features: FeatureMaps, excluded: Tensor | None = None) -> Tensor:
        """The distance of each patch per channel, ``[N, h, w]``, so that the scale does not depend on how many channels
        there are. ``excluded`` ``[N, m]`` marks what of the memory an image is not held against; infinite where that is
        all of it."""
        found = []
        # One by one: all at once would take hundreds of megabytes.
        for number, one in enumerate(self.standardize(features)):
            flat = one.flatten(0, 1)
            apart = self.squares - 2 * flat @ self.memory.T
            if excluded is not None:
                apart = apart.masked_fill(excluded[number], torch.inf)
            squared = flat.square().sum(1) + apart.amin(1)
            found.append((squared.clamp_min(0) / flat.shape[1]).sqrt().view(one.shape[:2]))
        return torch.stack(found)

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        cells = self.positional_norm.zscore(self.distances(features))
        return top_mean(cells, TOP_SHARE), cells


def build_memory(rows: Tensor, seed: int, *, source: str = "patches") -> tuple[PatchMemory, Tensor]:
    """A memory of good parts' patches ``[n, channels]``, one a row, on their device, and which rows are in it.
    Deterministic by the seed."""
    if source in PRESCALED_SOURCES:
        mean, deviation = rows.new_zeros(rows.shape[1]), rows.new_ones(rows.shape[1])
    else:
        mean, deviation = rows.mean(0), rows.std(0).clamp_min(MIN_DEVIATION)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(rows), generator=generator)[:MAX_CANDIDATES]
    standard = (rows[drawn] - mean) / deviation
    chosen = coreset(standard, min(MEMORY_SIZE, len(standard)), generator)
    return PatchMemory(mean, deviation, standard[chosen], source=source).eval(), drawn[chosen]


def farthest_patches(memory: PatchMemory, features: FeatureMaps) -> Tensor:
    """The standardised patches ``[n, channels]`` that make these images differ from what the memory holds: of each its
    farthest two percent."""
    cells = memory(features)[1].flatten(1)
    places = cells.topk(max(1, round(DEFECT_PATCH_SHARE * cells.shape[1])), dim=1).indices
    flat = memory.standardize(features).flatten(1, 2)
    return flat.gather(1, places.unsqueeze(2).expand(-1, -1, flat.shape[2])).flatten(0, 1)


def add_defect_patches(memory: PatchMemory, defect_patches: Tensor, seed: int) -> PatchMemory:
    """The memory, and what labeled defects look like: far from it is what no label has shown."""
    generator = torch.Generator().manual_seed(seed)
    chosen = defect_patches[coreset(defect_patches, min(MAX_DEFECT_PATCHES, len(defect_patches)), generator)]
    both = torch.cat([memory.memory, chosen])
    return PatchMemory(memory.mean, memory.deviation, both, memory.positional_norm, source=memory.source).eval()


def coreset(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices of ``count`` rows that leave no row far from the nearest of them: greedy k-centre (Sener and Savarese,
    ICLR 2018) after a random projection (Johnson and Lindenstrauss), as PatchCore does it. Computed where the rows are;
    the indices are on the processor."""
    projection = torch.randn(rows.shape[1], PROJECTION_SIZE, generator=generator) / PROJECTION_SIZE**0.5
    flat = rows @ projection.to(rows.device)
    chosen = torch.zeros(count, dtype=torch.long, device=rows.device)
    nearest = (flat - flat[0]).square().sum(1)
    for number in range(1, count):
        farthest = nearest.argmax().view(1)
        chosen[number] = farthest[0]
        nearest = torch.minimum(nearest, (flat - flat.index_select(0, farthest)).square().sum(1))
    return chosen.cpu()


class MultiScaleMemory(Head):
    """Two memories, ``broad`` and of ``detail``: score ``[N]`` and cells ``[N, h, w]`` on the grid of the detail."""

    def __init__(self, broad: PatchMemory, detail: PatchMemory) -> None:
        super().__init__()
        self.broad = broad
        self.detail = detail

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        fine = self.detail(features)[1]
        # While tracing, a shape is a tensor until it is made a number.
        size = (int(fine.shape[1]), int(fine.shape[2]))
        broad = F.interpolate(self.broad(features)[1].unsqueeze(1), size, mode="bilinear").squeeze(1)
        cells = (broad * fine).sqrt()
        return top_mean(cells, TOP_SHARE), cells
