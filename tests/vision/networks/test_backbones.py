"""Where a backbone's weights come from: each source through the real path, and what is refused."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mltasks.vision.networks import backbones, hub_cache
from mltasks.vision.networks.backbones import WeightsError, load_backbone
from mltasks.vision.networks.hub_cache import HubFile, HubUnreachableError, fetch_hub_file
from mltasks.vision.networks.torchvision_ops import models
from mltasks.vision.serving.bundle import file_sha256

State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty torch hub cache, and no memory of failed downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(hub_cache, "_failed_paths", set())
    # A closed port of this machine: refused at once, whatever network the tests run in.
    use_hub(monkeypatch, "http://127.0.0.1:9/resnet18-00000000.pth", "00000000")
    yield tmp_path / "torch" / "hub" / "checkpoints"


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str, prefix: str) -> HubFile:
    file = HubFile(url, prefix)
    entry = replace(backbones.BACKBONES["resnet18"], hub_file=file)
    monkeypatch.setitem(backbones.BACKBONES, "resnet18", entry)
    return file


@pytest.fixture(scope="module")
def state() -> State:
    """What torchvision publishes: a whole network, its head of 1,000 classes included."""
    torch.manual_seed(3)
    return dict(models.resnet18(weights=None).state_dict())


def publish(state: State, folder: Path, monkeypatch: pytest.MonkeyPatch, *, cached: bool) -> HubFile:
    """Put a file where torch hub keeps it, or where it downloads it from, under a name that ends in its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    unnamed = folder / "unnamed.pth"
    torch.save(state, unnamed)
    prefix = file_sha256(unnamed)[:8]
    named = unnamed.rename(folder / f"resnet18-{prefix}.pth")
    url = f"http://127.0.0.1:9/{named.name}" if cached else named.as_uri()
    return use_hub(monkeypatch, url, prefix)


def assert_holds(network: nn.Module, state: State) -> None:
    own = network.state_dict()
    assert all(torch.equal(own[name], value) for name, value in state.items() if not name.startswith("fc."))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_it_loads_a_file(tmp_path: Path, state: State, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)

    network, source = load_backbone("resnet18", str(path))

    assert_holds(network, state)
    assert (source.name, source.location, source.sha256) == ("file", str(path), file_sha256(path))


def test_it_gives_features_in_eval_mode(state: State) -> None:
    network, _ = load_backbone("resnet18", "random")

    assert not network.training
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 512)


def test_auto_takes_the_hub_cache_first(hub: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    file = publish(state, hub, monkeypatch, cached=True)

    network, source = load_backbone("resnet18", "auto")

    assert_holds(network, state)
    assert (source.name, source.location) == ("imagenet", str(file.path))


def test_imagenet_is_downloaded_into_the_cache(
    hub: Path, tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(state, tmp_path / "server", monkeypatch, cached=False)

    network, source = load_backbone("resnet18", "imagenet")

    assert_holds(network, state)
    assert source.name == "imagenet"
    assert [path.name for path in hub.iterdir()] == [file.path.name]


def test_auto_without_a_network_ships_its_own_and_says_why() -> None:
    _, source = load_backbone("resnet18", "auto")

    assert source.name == "shipped"
    assert "could not be loaded" in source.note


def test_shipped_weights_match_their_card() -> None:
    network, source = load_backbone("resnet18", "shipped")

    card = json.loads(Path(source.location).with_suffix(".json").read_text(encoding="utf-8"))
    assert source.sha256 == card["sha256"]
    assert card["steps_done"] == card["recipe"]["steps"], "an unfinished distillation must not ship"
    assert all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())


def test_random_weights_say_so() -> None:
    _, source = load_backbone("resnet18", "random")

    assert (source.name, source.sha256) == ("random", "")
    assert "without any pretraining" in source.note


def test_a_failed_download_is_remembered_by_the_process_and_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    file = backbones.BACKBONES["resnet18"].hub_file
    with pytest.raises(HubUnreachableError, match="refused"):
        fetch_hub_file(file, 5)
    assert file.marker.is_file()
    with pytest.raises(HubUnreachableError, match="earlier"):
        fetch_hub_file(file, 5)

    monkeypatch.setattr(hub_cache, "_failed_paths", set())  # another process
    with pytest.raises(HubUnreachableError, match="earlier"):
        fetch_hub_file(file, 5)

    yesterday = time.time() - hub_cache.FAILURE_MEMORY_S - 1
    os.utime(file.marker, (yesterday, yesterday))
    with pytest.raises(HubUnreachableError, match="refused"):
        fetch_hub_file(file, 5)


def test_it_never_waits_longer_than_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> None:
        time.sleep(3)
        raise TimeoutError

    monkeypatch.setattr("urllib.request.urlopen", silent)
    started = time.monotonic()
    with pytest.raises(HubUnreachableError, match="within"):
        fetch_hub_file(backbones.BACKBONES["resnet18"].hub_file, 0.2)

    assert time.monotonic() - started < 2


def test_it_refuses_a_download_with_another_hash(
    hub: Path, tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(state, tmp_path / "server", monkeypatch, cached=False)
    use_hub(monkeypatch, file.url, "ffffffff")

    with pytest.raises(WeightsError, match="wrong sha256"):
        load_backbone("resnet18", "imagenet")
    assert not list(hub.glob("*.pth")) and not list(hub.glob("*.part"))


def test_it_refuses_a_damaged_cache(hub: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    file = publish(state, hub, monkeypatch, cached=True)
    file.path.write_bytes(file.path.read_bytes()[:-1] + b"\0\0")

    with pytest.raises(WeightsError, match="Delete it"):
        load_backbone("resnet18", "auto")


def test_imagenet_out_of_reach_is_refused_with_what_to_do() -> None:
    with pytest.raises(WeightsError, match=r"Put http.* at .*checkpoints.*or set BACKBONE_WEIGHTS"):
        load_backbone("resnet18", "imagenet")


def test_it_refuses_shipped_weights_that_differ_from_their_card(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / backbones.BACKBONES["resnet18"].shipped_file
    save_file(state, shipped)
    shipped.with_suffix(".json").write_text(json.dumps({"sha256": "0" * 64}), encoding="utf-8")
    monkeypatch.setattr(backbones, "WEIGHTS_DIR", tmp_path)

    with pytest.raises(WeightsError, match="damaged"):
        load_backbone("resnet18", "shipped")


def test_it_refuses_missing_shipped_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "WEIGHTS_DIR", tmp_path)

    with pytest.raises(FileNotFoundError, match=r"python -m mltasks\.vision\.pretrain"):
        load_backbone("resnet18", "shipped")


@pytest.mark.parametrize("change", ["shape", "missing", "unexpected"])
def test_it_refuses_weights_of_another_network(tmp_path: Path, state: State, change: str) -> None:
    wrong = dict(state)
    if change == "shape":
        wrong["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    elif change == "missing":
        del wrong["layer4.1.conv2.weight"]
    else:
        wrong["layer5.weight"] = torch.zeros(1)
    save_file(wrong, tmp_path / "wrong.safetensors")

    with pytest.raises(WeightsError, match="set auto or shipped"):
        load_backbone("resnet18", str(tmp_path / "wrong.safetensors"))


def test_it_never_runs_code_from_a_weights_file(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"conv1.weight": Trap()}, tmp_path / "trap.pth")

    with pytest.raises(WeightsError, match="unreadable"):
        load_backbone("resnet18", str(tmp_path / "trap.pth"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_it_refuses_a_file_that_is_no_weights(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"letter{suffix}"
    path.write_text("Dear plant manager,", encoding="utf-8")

    with pytest.raises(WeightsError, match="unreadable"):
        load_backbone("resnet18", str(path))


def test_it_refuses_a_path_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match="auto, imagenet, shipped, random or a file"):
        load_backbone("resnet18", "shiped")


def test_it_refuses_an_unknown_backbone_and_names_the_known() -> None:
    with pytest.raises(ValueError, match=r"Unknown backbone 'resnet19'\. Known: resnet18"):
        load_backbone("resnet19")
