"""Learning elsewhere than on the processor, on machines that have nothing else: no step mixes tensors of two devices.

The other device is torch's `meta`, whose tensors have shapes and no numbers. On a GPU the same mistakes raise.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental import _config
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mltasks.vision.heads import feature_autoencoder, patch_memory
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.pretrain import distillation
from mltasks.vision.pretrain.distillation_state import DistillationRecipe
from mltasks.vision.training import (
    fine_tuning,
    fit_autoencoder,
    fit_detectors,
    fit_pooled_head,
    fit_segmentation,
    fit_statistics_head,
)
from mltasks.vision.training.features.feature_bank import TrainingData, build_feature_bank
from mltasks.vision.training.features.feature_extractor import build_extractor
from mltasks.vision.training.features.place_grid import MARKED
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import no_progress
from tests.vision.tiny_dataset import ALL_INDEXES, TINY, four_samples

GOOD, DEFECTIVE = [0, 2], [1, 3]
PARTS = ["a", "b", "c", "d"]
STAGE = Stage(no_progress)
aten = torch.ops.aten
# What may read from one device and write to another: copies, and rows by indices of the processor's
CROSSING = (aten._to_copy, aten.to, aten.copy_, aten.index)


class MetaDevice(Compute):
    """Another device than the processor."""

    def autocast(self) -> AbstractContextManager[object]:
        """`meta` has none."""
        return nullcontext()


ELSEWHERE = MetaDevice(torch.device("meta"), half=False)


class MixedDevices(Exception):  # noqa: N818 - what a GPU would refuse
    """One operation on tensors of two devices."""


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what a GPU would, and gives zeros to who asks for numbers."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Called for each of torch's operations."""
        del types
        given: Mapping[str, Any] = kwargs or {}
        # A tensor without dimensions counts as a number.
        there = [one for one in tree_leaves((args, given)) if isinstance(one, Tensor)]
        if len({one.device for one in there if one.ndim}) > 1 and func.overloadpacket not in CROSSING:
            raise MixedDevices(f"{func}: {[(one.device.type, tuple(one.shape)) for one in there]}")
        if there and there[0].is_meta:
            if func.overloadpacket is aten._local_scalar_dense:
                return 0.0
            if torch.device("cpu") in (*args, given.get("device")):
                return torch.zeros(there[0].shape, dtype=given.get("dtype") or there[0].dtype)
        if func.overloadpacket is aten.copy_ and there[-1].is_meta and not there[0].is_meta:
            return there[0].zero_()
        return func(*args, **given)


@pytest.fixture(scope="module")
def companion() -> AuxiliaryBackbone:
    return AuxiliaryBackbone()


@pytest.fixture(scope="module")
def trunk(companion: AuxiliaryBackbone) -> Trunk:
    return Trunk(load_backbone("resnet18", "shipped")[0], companion)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, trunk: Trunk) -> TrainingData:
    """Four images, seen by the processor; what learns from them is elsewhere."""
    samples = four_samples(tmp_path_factory.mktemp("parts"))
    bank = build_feature_bank(samples, set(ALL_INDEXES), trunk, TINY, Compute(torch.device("cpu"), half=False), STAGE)
    return TrainingData(bank, np.array([0, 1, 0, 1]), TINY, ELSEWHERE)


@pytest.fixture
def one_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No operation mixes devices."""
    plainly = Tensor.tolist
    monkeypatch.setattr(Tensor, "tolist", lambda tensor: plainly(tensor.cpu() if tensor.is_meta else tensor))
    for name in ("Adam", "AdamW"):
        monkeypatch.setattr(torch.optim, name, partial(_unfused, getattr(torch.optim, name)))
    # A mask chooses all: `meta` has no numbers to choose by.
    with _config.patch(meta_nonzero_assume_all_nonzero=True), OneDevice():  # type: ignore[attr-defined,no-untyped-call]
        yield


def _unfused(kind: type[torch.optim.Optimizer], *args: Any, **settings: Any) -> torch.optim.Optimizer:
    """`meta` has no fused steps."""
    return kind(*args, **{**settings, "fused": False, "foreach": False})


def devices_of(network: nn.Module) -> set[str]:
    """Where the network's numbers are."""
    return {one.device.type for one in (*network.parameters(), *network.buffers())}


@pytest.mark.usefixtures("one_device")
def test_mixing_is_found() -> None:
    with pytest.raises(MixedDevices):
        torch.nn.functional.linear(torch.ones(2, 3, device="meta"), torch.ones(4, 3))


@pytest.mark.usefixtures("one_device")
def test_the_segmentation_head_learns(material: TrainingData) -> None:
    places = np.full(material.bank.synthetic_places.shape[1:], MARKED, np.float16)
    data = replace(material, bank=replace(material.bank, places={1: places}))
    head, _ = fit_segmentation.train_segmentation(data, ALL_INDEXES, [], 3, STAGE)

    assert len(data.bank.synthetic_images) > 0
    assert devices_of(head) == {"meta"}


@pytest.mark.usefixtures("one_device")
def test_statistics_heads_score(material: TrainingData) -> None:
    for source in ("statistics", "aux_statistics"):
        head = fit_statistics_head.fit_statistics_head(material, ALL_INDEXES, source)
        fit_pooled_head.score_head(head, material, ALL_INDEXES)

        assert devices_of(head) == {"meta"}


@pytest.mark.usefixtures("one_device")
def test_the_companions_blocks_learn(material: TrainingData, companion: AuxiliaryBackbone) -> None:
    head = fine_tuning.fine_tune_blocks(companion, material, ALL_INDEXES, 3, STAGE)
    fit_pooled_head.score_head(head, material, ALL_INDEXES)

    assert devices_of(head) == {"meta"}


@pytest.mark.usefixtures("one_device")
def test_the_last_stage_and_the_autoencoder_learn(material: TrainingData, trunk: Trunk) -> None:
    head = fit_pooled_head.train_pooled_head(trunk.layer4, material, [0, 1], [2, 3], 3, STAGE).heads["pooled"]
    novelty = fit_autoencoder.train_pixel_autoencoder(material, GOOD, 3, STAGE)
    fit_autoencoder.reconstruction_errors(novelty, material, ALL_INDEXES)

    assert devices_of(head) == devices_of(novelty) == {"meta"}


@pytest.mark.usefixtures("one_device")
def test_detectors_learn_and_score(material: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_autoencoder, "STEPS", 2)
    for source in patch_memory.MEMORY_SIZES:
        monkeypatch.setitem(patch_memory.MEMORY_SIZES, source, 16)
    monkeypatch.setattr(patch_memory, "LABELED_MEMORY_SIZE", 16)
    monkeypatch.setattr(patch_memory, "MAX_DEFECT_PATCHES", 4)
    every = [name for name in fit_detectors.DETECTORS if name not in fit_detectors.PATCH_MEMORIES]
    data = replace(material, config=replace(TINY, detectors=(*every, "memory")))
    heads = fit_detectors.fit_detectors(data, GOOD, DEFECTIVE, PARTS, 3)
    scores = fit_pooled_head.score_heads(heads, material, ALL_INDEXES)

    assert {place for head in heads.values() for place in devices_of(head)} == {"meta"}
    assert {name: len(found) for name, (found, _) in scores.items()} == dict.fromkeys(heads, 4)


@pytest.mark.usefixtures("one_device")
def test_a_teacher_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "select_compute", lambda: ELSEWHERE)

    assert distillation.measure_speed(DistillationRecipe(steps=1, batch=2, crop=64, half=False), steps=1) > 0


def test_the_trunk_looks(companion: AuxiliaryBackbone) -> None:
    trunk = Trunk(load_backbone("resnet18", "shipped")[0], copy.deepcopy(companion))
    with OneDevice():  # type: ignore[no-untyped-call]
        seen = build_extractor(trunk, (64, 64), 1, ELSEWHERE).fp32(torch.rand(1, 3, 64, 64))

    assert devices_of(trunk) == {seen.aux_maps.device.type} == {"meta"}
