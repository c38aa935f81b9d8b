"""The exported graph says what torch says, or there is no version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from mltasks.vision.calibration.detector_ensemble import ENSEMBLE, DetectorEnsemble, LogScoreStatistics
from mltasks.vision.calibration.fusion import Fusion
from mltasks.vision.calibration.operating_point import LABELED_MEMORY, PIXEL_AUTOENCODER, OperatingPoint
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.export.openvino_export import (
    ExportMismatch,
    ServingModel,
    check_agreement,
    export_graph,
)
from mltasks.vision.heads.classifier import FineTunedHead, Head, PooledHead, StatisticsHead
from mltasks.vision.heads.feature_autoencoder import FeatureAutoencoder
from mltasks.vision.heads.global_statistics import fit_global_statistics
from mltasks.vision.heads.patch_memory import MultiScaleMemory, PatchMemory
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder
from mltasks.vision.heads.positional_norm import PositionalNorm
from mltasks.vision.heads.segmentation import SegmentationHead
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.scorer import Scorer, compile_model

MEMORY = ("mean", "deviation", "memory", "usual_mean", "usual_deviation")
BIASES = {
    "features": "heads.features.mean",
    "places": "heads.places.memories.0.mean",
    ENSEMBLE: "heads.places.memories.0.mean",
    PIXEL_AUTOENCODER: "autoencoder.decoder.0.bias",
    "embedding": "embedder.bias",
}
SCALES = ("second_patches", "coarse", "detail")


@pytest.fixture(scope="module")
def serving(learned: LearnedVersion) -> ServingModel:
    """The networks in torch, from the version's weights and what its meta says of them."""
    state, meta = load_file(learned.bundle_dir / "model.safetensors"), learned.meta

    setting = make_operating_point(Fusion(**meta["fusion"]), **meta["novelty"])
    trunk = Trunk(load_backbone("resnet18", "random")[0], AuxiliaryBackbone(), meta["config"]["backbone_scale"])
    made = ServingModel(trunk, saved_heads(state), PixelAutoencoder(), setting, (64, 64))
    made.load_state_dict(state, strict=True)
    return made.eval()


def saved_heads(state: Mapping[str, Tensor]) -> dict[str, Head]:
    """The heads in the state, and no others; those with layers still need theirs loaded."""

    def tensors(head: str, *names: str) -> list[Tensor]:
        return [state[f"heads.{head}.{name}"] for name in names]

    def memory(head: str, source: str) -> PatchMemory:
        mean, deviation, kept, *usual = tensors(head, *MEMORY)
        return PatchMemory(mean, deviation, kept, PositionalNorm(*usual), source=source)

    texture = ("mean", "deviation", "weight", "bias")
    make: dict[str, Callable[[], Head]] = {
        "segmentation": lambda: SegmentationHead(48, 120, 0.3, middle="aux_maps"),
        "second_stage": lambda: FineTunedHead(AuxiliaryBackbone(), 0.3),
        "texture": lambda: StatisticsHead(*tensors("texture", *texture), source="statistics"),
        "second_texture": lambda: StatisticsHead(*tensors("second_texture", *texture), source="aux_statistics"),
        "features": lambda: FeatureAutoencoder(*tensors("features", "mean", "deviation")),
        "places": lambda: MultiScaleMemory(
            [memory(f"places.memories.{number}", source) for number, source in enumerate(SCALES)]
        ),
        LABELED_MEMORY: lambda: memory(LABELED_MEMORY, "second_patches"),
    }
    return {name: make[name]() for name in {key.split(".")[1] for key in state if key.startswith("heads.")}}


def make_operating_point(
    fusion: Fusion,
    detector: str,
    threshold: float,
    known_threshold: float | None = None,
    together: Mapping[str, tuple[float, float]] | None = None,
    map_scales: dict[str, float] | None = None,
) -> OperatingPoint:
    shared = (
        DetectorEnsemble({name: LogScoreStatistics(*level) for name, level in together.items()}) if together else None
    )
    calibrator, scales = Calibrator(1.0, 0.0), map_scales or {detector: 1.0}
    return OperatingPoint(fusion, calibrator, {detector: threshold}, detector, 1.0, known_threshold, shared, scales)


def test_it_scores_as_torch_does(
    scorer: Scorer, images: list[NDArray[np.uint8]], serving: ServingModel, learned: LearnedVersion
) -> None:
    calibrator = Calibrator.from_json(learned.meta["calibration"])
    limit, known_limit = learned.meta["novelty"]["threshold"], learned.meta["novelty"]["known_threshold"]
    with torch.inference_mode():
        for image in images:
            scores, _, embedding = scorer.predict(image)
            logit, error, _, _, novelty, known, point = serving(torch.from_numpy(image)[None])
            assert scores.defect_probability == pytest.approx(float(calibrator.probability(logit.item())), abs=1e-3)
            assert scores.reconstruction_error == pytest.approx(error.item(), rel=1e-2)
            # A part that would FAIL is novel where labeled defects don't explain it either.
            wanted = known.item() / known_limit if scores.defective else novelty.item() / limit
            assert scores.novelty == pytest.approx(wanted, rel=1e-2, abs=1e-2)
            assert embedding == pytest.approx(point[0].numpy(), abs=1e-3)


def test_its_maps_are_those_of_torch(
    scorer: Scorer, images: list[NDArray[np.uint8]], serving: ServingModel, learned: LearnedVersion
) -> None:
    with torch.inference_mode():
        _, _, evidence, cells, _, _, _ = serving(torch.from_numpy(images[0])[None])
    found = scorer.maps(images[0])

    wanted = Calibrator.from_json(learned.meta["evidence"]).probability(evidence[0].numpy())
    assert found.evidence == pytest.approx(wanted, abs=1e-3)
    half = learned.meta["anomaly_map_scale"]
    assert found.anomaly == pytest.approx(np.clip(cells[0].numpy() / (2 * half), 0, 1), abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["novelty", PIXEL_AUTOENCODER, "embedding"])
def test_an_export_that_scores_otherwise_is_refused(
    learned: LearnedVersion, serving: ServingModel, images: list[NDArray[np.uint8]], part: str
) -> None:
    graph, calibrator = compile_model(learned.bundle_dir / "serving.xml", 1), Calibrator(1.0, 0.0)
    assert check_agreement(serving, graph, images[:2], calibrator).images == 2
    weight = serving.state_dict()[BIASES[serving.detector if part == "novelty" else part]]
    before = weight.clone()
    try:
        weight += 0.5
        with pytest.raises(ExportMismatch, match="differs from torch"):
            check_agreement(serving, graph, images[:2], calibrator)
    finally:
        weight.copy_(before)


@pytest.mark.slow
def test_an_export_with_another_fusion_is_refused(
    learned: LearnedVersion, serving: ServingModel, images: list[NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, calibrator = compile_model(learned.bundle_dir / "serving.xml", 1), Calibrator(1.0, 0.0)
    monkeypatch.setattr(serving, "fusion", replace(serving.fusion, bias=serving.fusion.bias + 5))
    with pytest.raises(ExportMismatch, match="differs from torch"):
        check_agreement(serving, graph, images[:2], calibrator)


@pytest.mark.slow
def test_voices_of_different_depths_are_weighed_on_one_grid(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network, _ = load_backbone("resnet18", "random")
    heads: dict[str, Head] = {
        "pooled": PooledHead(network.get_submodule("layer4"), 0.5),
        "memory": PatchMemory(torch.zeros(384), torch.ones(384), torch.randn(20, 384)),
    }
    setting = make_operating_point(Fusion({"pooled": 0.5, "memory": 2.0}, -1.0), "memory", 0.7)
    made = ServingModel(Trunk(network), heads, PixelAutoencoder(), setting, (64, 96)).eval()
    image = np.random.default_rng(1).integers(0, 255, (64, 96, 3), dtype=np.uint8)

    export_graph(made, tmp_path / "serving.xml", 64, 96)
    agreement = check_agreement(made, compile_model(tmp_path / "serving.xml"), [image], Calibrator(1.0, 0.0))
    with torch.inference_mode():
        logit, _, evidence, cells, _, _, point = made(torch.from_numpy(image)[None])
        seen = made.trunk(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
        apart = [head(seen)[0] for head in heads.values()]

    assert agreement.images == 1
    assert evidence.shape == cells.shape == (1, 4, 6)
    assert point.shape == (1, 256)
    torch.testing.assert_close(logit, 0.5 * apart[0] + 2 * apart[1] - 1)


@pytest.mark.slow
def test_the_graph_says_what_the_detectors_say_together() -> None:
    torch.manual_seed(3)
    heads: dict[str, Head] = {
        "memory": PatchMemory(torch.zeros(384), torch.ones(384), torch.randn(20, 384)),
        "second_memory": PatchMemory(torch.zeros(120), torch.ones(120), torch.randn(20, 120), source="second_patches"),
        "second_whole": fit_global_statistics(torch.randn(12, 1560), "aux_statistics"),
    }
    levels = {"memory": (0.1, 0.5), "second_memory": (0.2, 0.1), "second_whole": (3.0, 0.2)}
    scales = {"memory": 2.0, "second_memory": 0.5, "second_whole": 1.0}
    fusion, trunk = Fusion({"memory": 1.0}, 0.0), Trunk(load_backbone("resnet18", "random")[0], AuxiliaryBackbone())
    setting = make_operating_point(fusion, ENSEMBLE, 1.0, together=levels, map_scales=scales)
    made = ServingModel(trunk, heads, PixelAutoencoder(), setting, (64, 96)).eval()
    image = torch.randint(0, 255, (1, 64, 96, 3), dtype=torch.uint8)

    with torch.inference_mode():
        _, _, _, cells, novelty, _, _ = made(image)
        apart = {name: head(made.trunk(image.permute(0, 3, 1, 2) / 255)) for name, head in heads.items()}

    assert setting.ensemble is not None
    wanted = setting.ensemble.combine({name: score.tolist() for name, (score, _) in apart.items()})
    assert novelty.tolist() == pytest.approx(wanted, rel=1e-4)
    # What knows no place has no part in the map.
    shared = (apart["memory"][1] / 2 + apart["second_memory"][1] / 0.5) / 2
    torch.testing.assert_close(cells, shared)
