"""Real maps for a drawn part: how far each patch is from those of good parts, by the shipped backbone."""

from __future__ import annotations

import numpy as np
import torch

from mltasks.vision.drawing.draw_part import DrawnPart, draw_part
from mltasks.vision.drawing.line import labeled_set
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.heads.patch_memory import build_memory
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.trunk import Trunk, backbone_patches
from mltasks.vision.serving.heatmaps import Heatmaps, encode_heatmaps
from mltasks.vision.types import InputSize, Placement

SIZE = InputSize(512, 288)


def packed_maps(part: DrawnPart, good: int = 8) -> bytes:
    """What serving would store of the part: evidence is silent, anomaly is the distance to so many good parts."""
    trunk = Trunk(load_backbone("resnet18", "shipped")[0]).eval()
    with torch.inference_mode():
        known = backbone_patches(
            trunk(torch.cat([_tensor(one) for one in labeled_set(5, good=good, scratch=0, excess=0)]))
        )
        memory, _ = build_memory(known.permute(0, 2, 3, 1).reshape(-1, known.shape[1]), 7)
        far = memory.distances(trunk(_tensor(part)))[0].numpy()
    anomaly = np.clip((far - np.median(far)) / (far.max() - np.median(far)), 0, 1).astype(np.float32)
    return encode_heatmaps(Heatmaps(np.zeros_like(anomaly), anomaly), Placement(0, 0, SIZE.width, SIZE.height), SIZE)


def defective_plate() -> DrawnPart:
    """A plate with excess material."""
    return draw_part(PartKind.EXCESS, 40)


def _tensor(part: DrawnPart) -> torch.Tensor:
    pixels = np.asarray(part.image.convert("RGB").resize((SIZE.width, SIZE.height)))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
