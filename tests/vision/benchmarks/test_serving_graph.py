"""The scoring graph's time against its peer's: the peer is what it says, and both are timed by turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from django.core.management import CommandError
from torch.nn import functional as F

from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.reference_networks import export_reference
from mltasks.vision.benchmarks.serving_speed import image_speed
from mltasks.vision.benchmarks.serving_speed.image_speed import thread_count, time_alternating, timing_figures
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.torchvision_ops import models
from mltasks.vision.serving.scorer import compile_model
from tests.tiny_model import small_parts
from tests.vision.benchmark_run import benchmark_json, run_benchmark

IMAGES = [np.full((2, 2, 3), value, np.uint8) for value in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight parts of both classes, four of each kind of defect."""
    made = tmp_path_factory.mktemp("parts")
    write_image_folder(made, small_parts(9, good=8, scratch=4, excess=4))
    return made


@pytest.mark.slow
def test_it_times_our_graph_against_its_peer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_speed, "PAIRS", 6)
    found = benchmark_json("serving-graph", folder, "--repeats", "3", height=96, width=64, dense_epochs=30)

    figures = found["rows"]["one image"]
    assert (
        "96 × 64 on 1 threads" in found["protocol"] and "6 alternating pairs in each of 3 rounds" in found["protocol"]
    )
    assert all(figure["mean"] > 0 and figure["runs"] == 3 for figure in figures.values())
    assert figures["ratio, 10th percentile"]["mean"] <= figures["ratio, 90th percentile"]["mean"]
    assert found["seconds"] < 120, "It learns for one epoch, whatever the settings say; others use the cores, too."


def test_the_peer_is_resnet18_with_the_pixel_autoencoder(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = load_backbone("resnet18", "random")[0]
    peer = export_reference(network, (96, 64), tmp_path / "peer.xml")
    image = np.random.default_rng(1).integers(0, 256, (96, 64, 3), np.uint8)
    request = compile_model(tmp_path / "peer.xml", 1).create_infer_request()
    request.infer([image[None]])

    # The published network with our linear layer as its head
    whole = models.resnet18(weights=None)
    whole.fc = peer.linear
    whole.load_state_dict({**network.state_dict(), **{f"fc.{k}": v for k, v in peer.linear.state_dict().items()}})
    rgb = torch.from_numpy(image[None]).permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(one).view(1, 3, 1, 1) for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        wanted = whole.eval()((rgb - mean) / deviation)
        small = average_pixels(rgb, peer.factor)
        error = F.mse_loss(peer.autoencoder(small), small)
    assert request.get_output_tensor(0).data[0] == pytest.approx(wanted.item(), rel=1e-3, abs=1e-4)
    assert request.get_output_tensor(1).data[0] == pytest.approx(error.item(), rel=1e-3)

    # 20 convolutions of ResNet18, its shortcuts' three among them, and the autoencoder's six: nothing else is computed.
    kinds = [node.get_type_name() for node in openvino.Core().read_model(tmp_path / "peer.xml").get_ops()]
    assert kinds.count("Convolution") == 20 + 6
    assert kinds.count("MatMul") == 1


def test_both_are_timed_by_turns_on_the_same_image() -> None:
    calls, now = list[tuple[str, int]](), [0.0]

    def taking(name: str, seconds: float) -> image_speed.Infer:
        def infer(image: image_speed.Image) -> None:
            calls.append((name, int(image[0, 0, 0])))
            now[0] += seconds

        return infer

    took = time_alternating(taking("ours", 0.03), taking("peer", 0.02), IMAGES, 4, clock=lambda: now[0])

    assert calls == [
        ("ours", 0), ("peer", 0), ("peer", 0), ("ours", 0),
        ("ours", 1), ("peer", 1), ("peer", 1), ("ours", 1),
    ]  # fmt: skip
    assert took == pytest.approx(np.tile([30.0, 20.0], (4, 1)))
    assert timing_figures(took)["ratio"] == pytest.approx(1.5)


def test_a_disturbed_pair_moves_the_spread_and_not_the_median() -> None:
    took = np.tile([30.0, 20.0], (20, 1))
    took[3] = [900, 20]
    took[4:7, 0] = 40

    found = timing_figures(took)
    assert found["Second Look, ms"] == 30 and found["ratio"] == pytest.approx(1.5)
    assert found["ratio, 90th percentile"] == pytest.approx(2.0, abs=0.1)


def test_both_run_on_the_threads_of_training() -> None:
    assert thread_count(3) == 3
    assert thread_count(0) == torch.get_num_threads()


def test_it_learns_from_some_of_each_class(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_speed, "TRAIN_IMAGES", 5)
    chosen = image_speed.subsample_classes(read_folder(folder, grouped=False))

    assert sorted(one.target for one in chosen) == [0] * 4 + [1] * 4


def test_it_refuses_too_few_parts(tmp_path: Path) -> None:
    write_image_folder(tmp_path, small_parts(6, good=4, scratch=2, excess=0))

    with pytest.raises(CommandError, match="2 more defective"):
        run_benchmark("serving-graph", tmp_path)
