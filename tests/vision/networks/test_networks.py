"""The networks: what is frozen stays so, cells add up to scores, sizes fit."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.data.augmentation import eval_view, train_view
from mltasks.vision.heads.classifier import Head, PooledHead, StatisticsHead
from mltasks.vision.heads.feature_autoencoder import FeatureAutoencoder
from mltasks.vision.heads.patch_memory import PatchMemory
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder, pool_factor
from mltasks.vision.heads.segmentation import SegmentationHead
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, Trunk, top_mean


def trunk() -> Trunk:
    torch.manual_seed(1)
    return Trunk(load_backbone("resnet18", "random")[0])


def pooled() -> PooledHead:
    network, _ = load_backbone("resnet18", "random")
    return PooledHead(network.get_submodule("layer4"), 0.5)


def heads() -> dict[str, Head]:
    """One of each kind, with any weights."""
    torch.manual_seed(2)
    mean, deviation = torch.rand(384), torch.rand(384) + 0.5
    return {
        "segmentation": SegmentationHead(128, 256, 0.3, middle="layer3"),
        "pooled": pooled(),
        "texture": StatisticsHead(
            torch.rand(2688), torch.rand(2688) + 0.5, torch.randn(2688), torch.randn(()), source="statistics"
        ),
        "memory": PatchMemory(mean, deviation, torch.randn(20, 384)),
        "features": FeatureAutoencoder(mean, deviation),
    }


def trainable_parts(network: torch.nn.Module) -> set[str]:
    return {name.split(".")[0] for name, one in network.named_parameters() if one.requires_grad}


def test_only_heads_learn_and_of_the_network_only_the_pooled_ones_last_stage() -> None:
    found = {name: trainable_parts(head) for name, head in heads().items()}

    assert trainable_parts(trunk()) == set()
    assert found == {
        "segmentation": {"fine", "middle", "norm", "blocks", "cells", "part", "linear"},
        "pooled": {"layer4", "linear"},
        "texture": set(),
        "memory": set(),
        "features": {"layers"},
    }


@pytest.mark.parametrize("name", ["segmentation", "pooled"])
def test_what_is_frozen_does_not_drift_in_training(name: str) -> None:
    network = torch.nn.ModuleDict({"trunk": trunk(), "head": heads()[name]}).train()
    frozen = {key: one.clone() for key, one in network["trunk"].state_dict().items()}
    norms = {key: one.clone() for key, one in network["head"].named_buffers() if "_norm." in key}

    seen = network["trunk"](torch.rand(4, 3, 64, 64))
    network["head"](seen)[0].sum().backward()

    assert network["head"].training
    assert name == "segmentation" or network["head"].layer4.training
    assert not any(module.training for module in network["trunk"].modules())
    assert all(torch.equal(frozen[key], one) for key, one in network["trunk"].state_dict().items())
    assert len(norms) == (4 if name == "segmentation" else 0)
    assert all(torch.equal(one, network["head"].get_buffer(key)) for key, one in norms.items())


def test_a_head_does_not_share_its_stage_with_other_heads_or_the_trunk() -> None:
    network, _ = load_backbone("resnet18", "random")
    one, other = (PooledHead(network.get_submodule("layer4"), 0.5) for _ in range(2))
    seer = Trunk(network)

    with torch.no_grad():
        next(iter(one.layer4.parameters())).add_(1)

    changed = next(iter(one.layer4.parameters()))
    assert not torch.equal(changed, next(iter(other.layer4.parameters())))
    assert not torch.equal(changed, next(iter(seer.layer4.parameters())))


def make_feature_maps(height: int, width: int) -> FeatureMaps:
    with torch.inference_mode():
        seen: FeatureMaps = trunk()(torch.rand(3, 3, height, width))
    return seen


@pytest.mark.parametrize("name", ["pooled", "texture", "memory", "features"])
def test_the_cells_add_up_to_the_score(name: str) -> None:
    head = heads()[name].eval()
    share = {"memory": 0.01, "features": 0.01}.get(name, 1.0)

    with torch.inference_mode():
        scores, cells = head(make_feature_maps(96, 64))

    assert scores.shape == (3,)
    # The evidence of a texture has no place: its only cell is the whole part.
    assert cells.shape == {"pooled": (3, 3, 2), "texture": (3, 1, 1)}.get(name, (3, 6, 4))
    torch.testing.assert_close(top_mean(cells, share), scores)


def test_the_segmentation_has_four_cells_for_each_of_the_backbones() -> None:
    with torch.inference_mode():
        scores, cells = heads()["segmentation"].eval()(make_feature_maps(96, 64))

    assert scores.shape == (3,) and cells.shape == (3, 12, 8)


@pytest.mark.parametrize("name", ["segmentation", "pooled", "texture", "memory", "features"])
def test_an_images_score_does_not_depend_on_the_batch(name: str) -> None:
    head, seen = heads()[name].eval(), make_feature_maps(64, 64)

    with torch.inference_mode():
        together, alone = head(seen)[0], head(FeatureMaps(*(one if one is EMPTY else one[1:2] for one in seen)))[0]

    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("height", "width", "factor"), [(224, 224, 2), (640, 352, 4), (64, 64, 1), (160, 160, 1), (448, 448, 4)]
)
def test_the_autoencoder_sees_about_112_pixels_and_returns_the_same_size(height: int, width: int, factor: int) -> None:
    assert pool_factor(height, width) == factor
    small = average_pixels(torch.rand(2, 3, height, width), factor)
    network = PixelAutoencoder().eval()

    with torch.inference_mode():
        drawn = network(small)
        errors, cells = network.errors(small)

    assert drawn.shape == small.shape
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert cells.shape == (2, small.shape[2] // 4, small.shape[3] // 4)
    torch.testing.assert_close(cells.mean(dim=(1, 2)), errors)


def test_a_view_depends_on_its_seed_alone() -> None:
    image = torch.randint(0, 255, (3, 64, 48), dtype=torch.uint8)
    torch.manual_seed(5)
    one = train_view(image, 3)
    torch.manual_seed(6)
    state = torch.random.get_rng_state()

    assert torch.equal(one, train_view(image, 3))
    assert not torch.equal(one, train_view(image, 4))
    assert torch.equal(state, torch.random.get_rng_state())
    assert one.shape == image.shape and one.dtype == torch.float32
    assert one.min() >= 0 and one.max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (64, 128), (64, 256), (320, 32)])
def test_corners_that_turn_into_a_view_are_the_parts_own_mirror(shape: tuple[int, int]) -> None:
    image = torch.full((3, *shape), 200, dtype=torch.uint8)

    darkest = min(float(train_view(image, seed).min()) for seed in range(20))

    # Brightness and contrast may take a fifth each; black corners would be 0.
    assert darkest > 0.4


def test_a_disc_stays_nearly_round_and_near_its_place_in_a_long_picture() -> None:
    y, x = torch.meshgrid(torch.arange(80) - 40, torch.arange(240) - 60, indexing="ij")
    image = ((x**2 + y**2 < 20**2) * 255).to(torch.uint8).expand(3, 80, 240)
    middles = set()
    for seed in range(40):
        white = train_view(image, seed)[0] > 0.4
        wide, high = int(white.any(0).sum()), int(white.any(1).sum())
        # A tenth larger or smaller, sheared by 5 degrees, and blurred at its edge.
        assert 34 <= wide <= 48 and 34 <= high <= 48 and abs(wide - high) <= 6
        middles.add(int(white.any(0).nonzero().float().mean() // 120))
    assert middles == {0, 1}, "Some are left to right."


def test_colours_change_together_and_greys_stay_grey() -> None:
    grey, red = (torch.full((3, 8, 8), 120, dtype=torch.uint8) for _ in range(2))
    red[1:] = 60
    levels = [train_view(grey, seed) for seed in range(40)]

    assert max(float((one.amax(0) - one.amin(0)).max()) for one in levels) < 1e-5
    # Of an even picture contrast changes nothing: brightness alone, by a fifth at most.
    found = torch.tensor([float(one.mean()) for one in levels]) / (120 / 255)
    assert 0.79 < found.min() < 0.88 and 1.12 < found.max() < 1.21
    tints = [train_view(red, seed).mean((1, 2)) for seed in range(40)]
    assert all(one[0] > one[1:].max() for one in tints), "Hue moves by a fiftieth of the circle: red stays red."
    assert len({round(float(one[1] - one[2]), 4) for one in tints}) > 20


def test_the_view_for_evaluation_is_the_image_itself() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1)

    assert eval_view(image).flatten().tolist() == pytest.approx([0, 0.2, 1])
