"""The networks: what is frozen stays so, maps add up to scores, sizes fit."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.augment import eval_view, train_view
from mltasks.vision.autoencoder import Autoencoder, pool_factor, shrink
from mltasks.vision.backbones import load_backbone
from mltasks.vision.classifier import Classifier, DefectHead, Trunk


def classifier() -> Classifier:
    torch.manual_seed(1)
    network, _ = load_backbone("resnet18", "random")
    return Classifier(Trunk(network), DefectHead(network.get_submodule("layer4"), 0.5))


def test_only_the_last_stage_and_the_head_learn() -> None:
    learning = {name.split(".")[1] for name, one in classifier().named_parameters() if one.requires_grad}

    assert learning == {"layer4", "linear"}


def test_frozen_batch_norm_does_not_drift_in_training() -> None:
    network = classifier().train()
    before = {name: one.clone() for name, one in network.trunk.state_dict().items()}

    network(torch.rand(4, 3, 64, 64))

    assert network.head.training and network.head.layer4.training
    assert not any(module.training for module in network.trunk.modules())
    assert all(torch.equal(before[name], one) for name, one in network.trunk.state_dict().items())


def test_a_head_does_not_share_its_stage_with_other_heads() -> None:
    network, _ = load_backbone("resnet18", "random")
    one, other = (DefectHead(network.get_submodule("layer4"), 0.5) for _ in range(2))

    with torch.no_grad():
        next(iter(one.layer4.parameters())).add_(1)

    assert not torch.equal(next(iter(one.layer4.parameters())), next(iter(other.layer4.parameters())))


def test_the_evidence_map_averages_to_the_logit() -> None:
    network = classifier().eval()
    rgb = torch.rand(3, 3, 96, 64)

    with torch.inference_mode():
        logits, evidence = network(rgb)
        direct = network.head(network.trunk(rgb))

    assert evidence.shape == (3, 3, 2)
    torch.testing.assert_close(evidence.mean(dim=(1, 2)), direct)
    torch.testing.assert_close(logits, direct)


@pytest.mark.parametrize(
    ("height", "width", "factor"), [(224, 224, 2), (640, 352, 4), (64, 64, 1), (160, 160, 1), (448, 448, 4)]
)
def test_the_autoencoder_sees_about_112_pixels_and_returns_the_same_size(height: int, width: int, factor: int) -> None:
    assert pool_factor(height, width) == factor
    small = shrink(torch.rand(2, 3, height, width), factor)
    network = Autoencoder().eval()

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


def test_corners_that_turn_into_a_view_take_the_parts_colour() -> None:
    image = torch.full((3, 64, 64), 200, dtype=torch.uint8)

    darkest = min(float(train_view(image, seed).min()) for seed in range(20))

    # Brightness and contrast may take a fifth each; black corners would be 0.
    assert darkest > 0.4


def test_the_view_for_evaluation_is_the_image_itself() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1)

    assert eval_view(image).flatten().tolist() == pytest.approx([0, 0.2, 1])
