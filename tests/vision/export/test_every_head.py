"""Every kind of head in one graph: each says there what it says in torch, and what nothing uses stays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.calibration.detector_ensemble import ENSEMBLE, DetectorEnsemble, LogScoreStatistics
from mltasks.vision.calibration.fusion import Fusion
from mltasks.vision.calibration.operating_point import LABELED_MEMORY, OperatingPoint
from mltasks.vision.export.graph_operations import count_operations
from mltasks.vision.export.openvino_export import OUTPUTS, ServingModel, check_agreement, export_graph
from mltasks.vision.heads.classifier import FineTunedHead, Head, StatisticsHead
from mltasks.vision.heads.feature_autoencoder import FeatureAutoencoder
from mltasks.vision.heads.global_statistics import fit_global_statistics
from mltasks.vision.heads.patch_memory import MultiScaleMemory, PatchMemory
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder
from mltasks.vision.heads.positional_norm import PositionalNorm
from mltasks.vision.heads.segmentation import SegmentationHead
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.tracing import trace_to_openvino
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.scorer import compile_model

SCALES = ("second_patches", "coarse", "detail")
CHANNELS = {"patches": 384, "second_patches": 120, "coarse": 120, "detail": 48}
CLASSIFIERS = ("segmentation", "texture", "second_texture", "second_stage")


def make_operating_point(fusion: Fusion, detector: str, together: Mapping[str, tuple[float, float]]) -> OperatingPoint:
    levels = {name: LogScoreStatistics(*level) for name, level in together.items()}
    scales = dict.fromkeys([*together, detector], 1.5)
    ensemble = DetectorEnsemble(levels) if levels else None
    return OperatingPoint(fusion, Calibrator(1.0, 0.0), {detector: 1.0}, detector, 1.0, 1.0, ensemble, scales)


def every_head(auxiliary: AuxiliaryBackbone | None) -> dict[str, Head]:
    """One head and detector of each kind that suits the backbones, with any weights."""
    torch.manual_seed(3)

    def memory(source: str, size: int = 20) -> PatchMemory:
        channels = 128 if source == "detail" and auxiliary is None else CHANNELS[source]
        norm = PositionalNorm(torch.rand(1, 1), torch.rand(1, 1) + 0.5)
        return PatchMemory(
            torch.rand(channels), torch.rand(channels) + 0.5, torch.randn(size, channels), norm, source=source
        )

    def texture(size: int, source: str) -> StatisticsHead:
        drawn = (torch.rand(size), torch.rand(size) + 0.5, torch.randn(size) / size, torch.randn(()))
        return StatisticsHead(*drawn, source=source)

    heads: dict[str, Head] = {
        "segmentation": SegmentationHead(48, 120, 0.3, middle="aux_maps")
        if auxiliary
        else SegmentationHead(128, 256, 0.3, middle="layer3"),
        "texture": texture(2688, "statistics"),
        "memory": memory("patches"),
        "detail": memory("detail"),
        "places": MultiScaleMemory([memory(source) for source in (SCALES if auxiliary else ("patches", "detail"))]),
        "features": FeatureAutoencoder(*(torch.ones(168 if auxiliary else 384) for _ in range(2))),
        "whole": fit_global_statistics(torch.randn(12, 2688), "statistics"),
        LABELED_MEMORY: memory("second_patches" if auxiliary else "patches", 30),
    }
    if auxiliary:
        heads |= {
            "second_texture": texture(1560, "aux_statistics"),
            "second_stage": FineTunedHead(auxiliary, 0.3),
            "second_memory": memory("second_patches"),
            "coarse": memory("coarse"),
            "second_whole": fit_global_statistics(torch.randn(12, 1560), "aux_statistics"),
        }
    return heads


def everything_at_once(auxiliary: AuxiliaryBackbone | None, scale: float) -> ServingModel:
    """A model in which each head is fused and each detector decides with the others."""
    heads = every_head(auxiliary)
    fused = [name for name in heads if name != LABELED_MEMORY]
    together = {name: (0.5, 0.5) for name in fused if name not in CLASSIFIERS}
    weights = {name: 0.1 + 0.05 * number for number, name in enumerate(fused)}
    fusion = Fusion(weights, -1.0, detectors=list(together), detector_bias=0.3)
    setting = make_operating_point(fusion, ENSEMBLE, together)
    trunk = Trunk(load_backbone("resnet18", "random")[0], auxiliary, scale)
    return ServingModel(trunk, heads, PixelAutoencoder(), setting, (64, 96)).eval()


@pytest.mark.slow
@pytest.mark.parametrize(("companion", "scale"), [(True, 0.5), (False, 1.0)], ids=["both backbones", "one"])
def test_each_kind_of_head_says_in_the_graph_what_it_says_in_torch(
    tmp_path: Path, companion: bool, scale: float
) -> None:
    made = everything_at_once(AuxiliaryBackbone() if companion else None, scale)
    assert set(made.heads) == set(every_head(made.trunk.companion))
    images = list(np.random.default_rng(1).integers(0, 255, (2, 64, 96, 3), dtype=np.uint8))

    export_graph(made, tmp_path / "serving.xml", 64, 96)
    graph = compile_model(tmp_path / "serving.xml", 1)
    assert check_agreement(made, graph, images, Calibrator(1.0, 0.0)).images == 2
    with torch.inference_mode():
        wanted = [output.numpy() for output in made(torch.from_numpy(images[0])[None])]
    found = [graph([images[0][None]])[number] for number in range(len(OUTPUTS))]

    # Maps have the grid of the finest, the segmentation's and the detail's.
    assert wanted[2].shape == wanted[3].shape == (1, 8, 12)
    for name, one, other in zip(OUTPUTS, found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-2, abs=2e-3), name
    # Each head is heard: without its weight the logit is another one.
    for name in made.fusion.weights:
        before = made.fusion.weights[name]
        made.fusion.weights[name] = before + 0.7
        with torch.inference_mode():
            assert float(made(torch.from_numpy(images[0])[None])[0]) != pytest.approx(wanted[0].item(), abs=1e-6), name
        made.fusion.weights[name] = before


@pytest.mark.slow
def test_a_head_that_nothing_uses_is_no_part_of_the_graph() -> None:
    heads = every_head(None)
    fusion = Fusion({"segmentation": 1.0}, 0.0, {"texture": 0.001, "memory": -0.001})
    setting = make_operating_point(fusion, "places", {})
    trunk = Trunk(load_backbone("resnet18", "random")[0])
    lean, whole = (
        ServingModel(trunk, heads, PixelAutoencoder(), point, (64, 96)).eval()
        for point in (setting, setting.with_all_scores())
    )
    graph = trace_to_openvino(lean, torch.zeros((1, 64, 96, 3), dtype=torch.uint8))
    operations = count_operations(graph, whole, (64, 96))

    assert set(lean.heads) == {"segmentation", "places", LABELED_MEMORY}
    assert set(whole.heads) == {*lean.heads, "texture", "memory"}
    assert not [name for name in lean.state_dict() if name.startswith(("heads.texture", "heads.features"))]
    assert 0 < operations.gflop < operations.gflop_all_scores
    assert count_operations(graph, None, (64, 96)).gflop_all_scores == operations.gflop
