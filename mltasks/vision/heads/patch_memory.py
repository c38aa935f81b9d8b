"""Patch memories: distance of each patch to the nearest patch of good parts.

PatchCore (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022): features of the frozen trunk
and a memory thinned by greedy k-centre selection. Two differences: distances are normalized by position
(``positional_norm``), and the score is the mean of the highest 0.5 % of them, which is steadier than the maximum.

``MultiScaleMemory`` combines scales. A memory of fine maps finds and locates the smallest blowhole, but also reports
dust. Memories of broad patches, at full and at half size, judge surfaces well but locate poorly. The geometric mean of
their cells ranks better than each memory, their sum, or a combination with more memories (docs/quality.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.heads.classifier import Head
from mltasks.vision.heads.positional_norm import PositionalNorm
from mltasks.vision.networks.calibration_images import channel_statistics
from mltasks.vision.networks.trunk import FeatureMaps, backbone_patches, box_smooth, hat_smooth, top_mean

# Patches of each source; with more patches, unknown parts are told apart no better.
MEMORY_SIZES = {"patches": 1024, "second_patches": 4096, "coarse": 2048, "detail": 1024}
# A coreset is chosen among this many times as many random patches.
CANDIDATES_PER_PATCH = 8
PROJECTION_SIZE = 64
TOP_SHARE = 0.005
# Below the cells of any part: the logarithm of 0 is infinite.
MIN_CELL = 1e-6
DEFECT_PATCH_SHARE, MAX_DEFECT_PATCHES = 0.02, 512
# Good patches of the memory that also holds labeled defects
LABELED_MEMORY_SIZE = 1024
PATCH_SOURCES: dict[str, Callable[[FeatureMaps], Tensor]] = {
    "patches": backbone_patches,
    "second_patches": lambda features: box_smooth(features.aux_maps),
    "coarse": lambda features: box_smooth(features.aux_coarse),
    "detail": lambda features: hat_smooth(features.fine),
}
# Fields of ``FeatureMaps`` that each source needs
SOURCE_FIELDS = {
    "patches": ("layer2", "layer3"),
    "second_patches": ("aux_maps",),
    "coarse": ("aux_coarse",),
    "detail": ("fine",),
}


class PatchMemory(Head):
    """Distances to the memory ``[m, channels]`` of standardized patches: score ``[N]``, cells.

    The cells ``[N, h, w]`` are z-scores of the positional norm. ``source`` is one of ``PATCH_SOURCES``."""

    mean: Tensor
    deviation: Tensor
    memory: Tensor
    usual_mean: Tensor
    usual_deviation: Tensor
    squares: Tensor

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
        norm = positional_norm or PositionalNorm(torch.zeros(1, 1), torch.ones(1, 1))
        self.register_buffers(mean=mean, deviation=deviation, memory=memory)
        self.register_buffers(usual_mean=norm.mean, usual_deviation=norm.deviation, squares=memory.square().sum(1))

    @property
    def positional_norm(self) -> PositionalNorm:
        """Return the positional norm of good parts' distances."""
        return PositionalNorm(self.usual_mean, self.usual_deviation)

    def standardize(self, features: FeatureMaps) -> Tensor:
        """Return the standardized patches ``[N, h, w, channels]``."""
        patches = PATCH_SOURCES[self.source](features).permute(0, 2, 3, 1)
        return (patches - self.mean) / self.deviation

    def distances(self, features: FeatureMaps, excluded: Tensor | None = None) -> Tensor:
        """Return each patch's distance to the memory, ``[N, h, w]``, normalized by channel count.

        ``excluded`` ``[N, m]`` marks the memory patches not compared with an image; the distance is infinite if all are
        excluded."""
        distances = []
        # One image at a time: all at once would take hundreds of megabytes.
        for number, patches in enumerate(self.standardize(features)):
            flat = patches.flatten(0, 1)
            apart = self.squares - 2 * flat @ self.memory.T
            if excluded is not None:
                apart = apart.masked_fill(excluded[number], torch.inf)
            squared = flat.square().sum(1) + apart.amin(1)
            distances.append((squared.clamp_min(0) / flat.shape[1]).sqrt().view(patches.shape[:2]))
        return torch.stack(distances)

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        cells = self.positional_norm.zscore(self.distances(features))
        return top_mean(cells, TOP_SHARE), cells


def build_memory(rows: Tensor, seed: int, *, source: str = "patches") -> tuple[PatchMemory, Tensor]:
    """Build a memory of good parts' patches ``[n, channels]``; also return its row indices.

    The computation runs on the device of the rows and is deterministic for a seed."""
    mean, deviation = channel_statistics(rows)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(rows), generator=generator)[: CANDIDATES_PER_PATCH * MEMORY_SIZES[source]]
    standard = (rows[drawn] - mean) / deviation
    chosen = coreset(standard, min(MEMORY_SIZES[source], len(standard)), generator)
    return PatchMemory(mean, deviation, standard[chosen], source=source).eval(), drawn[chosen]


def farthest_patches(memory: PatchMemory, features: FeatureMaps) -> Tensor:
    """Return the 2 % of each image's patches farthest from the memory, ``[n, channels]``.

    The patches are standardized."""
    cells = memory(features)[1].flatten(1)
    places = cells.topk(max(1, round(DEFECT_PATCH_SHARE * cells.shape[1])), dim=1).indices
    flat = memory.standardize(features).flatten(1, 2)
    return flat.gather(1, places.unsqueeze(2).expand(-1, -1, flat.shape[2])).flatten(0, 1)


def add_defect_patches(memory: PatchMemory, defect_patches: Tensor, seed: int) -> PatchMemory:
    """Return a memory of good patches with a coreset of defect patches added.

    Parts far from this memory resemble no labeled part, good or defective. The memory's first patches are a coreset,
    too, because the selection is greedy."""
    generator = torch.Generator().manual_seed(seed)
    chosen = defect_patches[coreset(defect_patches, min(MAX_DEFECT_PATCHES, len(defect_patches)), generator)]
    both = torch.cat([memory.memory[:LABELED_MEMORY_SIZE], chosen])
    return PatchMemory(memory.mean, memory.deviation, both, memory.positional_norm, source=memory.source).eval()


def coreset(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return the indices of ``count`` rows chosen by greedy k-centre selection.

    No row is far from its nearest chosen row (Sener and Savarese, ICLR 2018). A random projection comes first (Johnson
    and Lindenstrauss), as in PatchCore. Computed on the device of the rows; the indices are on the CPU."""
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
    """Geometric mean of the cells of several memories: score ``[N]``, cells on the finest grid."""

    def __init__(self, memories: Sequence[PatchMemory]) -> None:
        super().__init__()
        self.memories = nn.ModuleList(memories)

    @property
    def broad(self) -> PatchMemory:
        """Return the memory whose patches are kept for the memory of labeled defects."""
        return cast(PatchMemory, self.memories[0])

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        maps = [memory(features)[1] for memory in self.memories]
        # During tracing a shape is a tensor; int makes it a constant.
        size = tuple(max(int(cells.shape[axis]) for cells in maps) for axis in (1, 2))
        finest = [F.interpolate(cells[:, None], size, mode="bilinear")[:, 0] for cells in maps]
        cells = torch.stack(finest).clamp_min(MIN_CELL).log().mean(0).exp()
        return top_mean(cells, TOP_SHARE), cells
