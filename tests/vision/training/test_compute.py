"""Half precision and channels last: asked for once, every network that learns has them, and weights stay in 32 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mltasks.vision.export.learn import learn
from mltasks.vision.heads.segmentation import SegmentationHead
from mltasks.vision.networks.auxiliary_backbone import EFFICIENTNET_LITE2, AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.serving import bundle
from mltasks.vision.training import fine_tuning, fit_autoencoder, fit_pooled_head, fit_segmentation
from mltasks.vision.training.features.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.features.feature_extractor import build_extractor
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import no_progress
from tests.tiny_model import CONFIG, labeled_samples
from tests.vision.tiny_dataset import ALL_INDEXES, TINY, four_samples

STAGE = Stage(no_progress)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


@pytest.fixture(scope="module")
def companion() -> AuxiliaryBackbone:
    return AuxiliaryBackbone()


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, companion: AuxiliaryBackbone) -> TrainingData:
    """Four images as a machine with fast half precision looks at them."""
    samples = four_samples(tmp_path_factory.mktemp("parts"))
    with reproducible(1) as here:
        compute = Compute(here.device, half=True)
        trunk = Trunk(load_backbone("resnet18", "shipped")[0], companion)
        bank = build_feature_bank(samples, set(ALL_INDEXES), trunk, TINY, compute, STAGE)
    return TrainingData(bank, np.array([0, 1, 0, 1]), TINY, compute)


class DtypeRecorder:
    """What the layers of the networks that are placed give, by kind of layer, and their weights."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: dict[str, set[torch.dtype]] = {}
        self.weights: list[Tensor] = []
        plainly = Compute.move_module

        def place(compute: Compute, module: nn.Module) -> None:
            plainly(compute, module)
            self.weights += [one for one in module.parameters() if one.ndim == 4]
            for layer in module.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    kind = "depthwise" if isinstance(layer, nn.Conv2d) and layer.groups > 1 else "dense"
                    layer.register_forward_hook(lambda _m, _i, out, kind=kind: self._note(kind, out))

        monkeypatch.setattr(Compute, "move_module", place)

    def _note(self, kind: str, out: Tensor) -> None:
        # Measuring runs in 32 bits, as serving does; only what learns counts.
        if torch.is_grad_enabled():
            self.given.setdefault(kind, set()).add(out.dtype)


def test_the_segmentation_head_learns_in_half_precision_from_weights_in_32_bits(
    material: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = DtypeRecorder(monkeypatch)
    head, curve = fit_segmentation.train_segmentation(material, ALL_INDEXES, [], 3, STAGE)

    assert watched.given == {"dense": {torch.bfloat16}, "depthwise": {torch.bfloat16}}
    assert {one.dtype for one in head.parameters()} == {torch.float32}
    assert np.isfinite([one.train_loss for one in curve]).all()


def test_so_do_the_autoencoder_and_the_last_stage(material: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = DtypeRecorder(monkeypatch)
    autoencoder = fit_autoencoder.train_pixel_autoencoder(material, [0, 2], 3, STAGE)
    layer4 = load_backbone("resnet18", "shipped")[0].get_submodule("layer4")
    head = fit_pooled_head.train_pooled_head(layer4, material, [0, 1], [2, 3], 3, STAGE).heads["pooled"]

    assert watched.given == {"dense": {torch.bfloat16}}
    assert {one.dtype for net in (autoencoder, head) for one in net.parameters()} == {torch.float32}
    # 1 × 1 kernels are contiguous both ways.
    wide = [one for one in watched.weights if one.shape[2] > 1]
    assert wide and all(one.is_contiguous(memory_format=torch.channels_last) for one in wide)


def test_the_wide_depthwise_layers_of_blocks_learn_in_32_bits_on_a_processor(
    material: TrainingData, companion: AuxiliaryBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = DtypeRecorder(monkeypatch)
    fine_tuning.fine_tune_blocks(companion, material, ALL_INDEXES, 3, STAGE)

    assert watched.given == {"dense": {torch.bfloat16}, "depthwise": {torch.float32}}


def test_in_half_precision_the_same_seed_gives_the_same_weights(material: TrainingData) -> None:
    with reproducible(1):
        one, other = (
            fit_segmentation.train_segmentation(material, ALL_INDEXES, [], 3, STAGE)[0].state_dict() for _ in range(2)
        )

    assert all(torch.equal(one[name], other[name]) for name in one)


def test_only_rough_looks_are_in_half_precision(companion: AuxiliaryBackbone) -> None:
    rgb = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    with reproducible(1) as here:
        trunk = Trunk(load_backbone("resnet18", "shipped")[0], companion)
        eyes = build_extractor(trunk, (64, 64), 1, Compute(here.device, half=True))
        plainly, roughly = eyes.fp32(rgb), eyes.bf16(rgb)

    assert (plainly.layer3.dtype, roughly.layer3.dtype) == (torch.float32, torch.bfloat16)
    assert torch.allclose(plainly.layer3, roughly.layer3.float(), atol=0.05 * float(plainly.layer3.abs().max()))


@needs_cuda
def test_a_gpu_is_taken_by_itself_and_learns_in_half_precision(tmp_path: Path) -> None:
    found = [learn(labeled_samples(tmp_path / "parts"), CONFIG, tmp_path / name) for name in ("one", "again")]

    assert found[0].meta["compute"]["device"] == "cuda" and found[0].meta["compute"]["precision"] == "bfloat16"
    assert found[0].meta["config"]["companion"] == EFFICIENTNET_LITE2
    weights = [bundle.file_hashes(one.bundle_dir)[bundle.WEIGHTS] for one in found]
    assert weights[0] == weights[1], "On one machine the same labels give the same weights."


@needs_cuda
def test_on_a_gpu_maps_and_networks_are_channels_last(material: TrainingData) -> None:
    with reproducible(1) as compute:
        head = SegmentationHead(48, 120, 0.3, middle="aux_maps")
        compute.move_module(head)
        maps = compute.to_device(torch.from_numpy(material.bank.clean.arrays["layer3"]))

    assert {one.device.type for one in head.parameters()} == {maps.device.type} == {"cuda"}
    assert maps.is_contiguous(memory_format=torch.channels_last)
