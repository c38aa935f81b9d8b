"""Registry of pretrained backbones and of their sources of weights.

``auto`` takes torchvision's ImageNet weights from the torch hub cache or by one short download. If both fail, it takes
the weights that ship with the project, which need no network. Random weights are used only on request."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mltasks.vision.networks.hub_cache import HubFile, HubUnreachableError, fetch_hub_file
from mltasks.vision.networks.torchvision_ops import models
from mltasks.vision.serving.bundle import file_sha256

WEIGHTS_DIR = Path(__file__).parents[1] / "weights"
AUTO_TIMEOUT_S = 5.0
IMAGENET_TIMEOUT_S = 300.0
# Separates a path from the hash that its file must have
HASH_SUFFIX = "#sha256="


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Origin of a backbone's weights, for ``meta.json`` and the report.

    ``name`` is ``imagenet``, ``shipped``, ``plant``, ``file`` or ``random``; ``sha256`` is the file's hash (empty for
    random); ``location`` its path or address; ``note`` a sentence that describes the weights and the reason for them.
    """

    name: str
    sha256: str
    location: str
    note: str


class WeightsError(ValueError):
    """Error for unusable weights; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """Registry entry: builder (without head), torch hub file and name of the shipped file."""

    build: Callable[[], nn.Module]
    hub_file: HubFile
    shipped_file: str


def _resnet18() -> nn.Module:
    network: nn.Module = models.resnet18(weights=None)
    network.fc = nn.Identity()
    return network


BACKBONES: dict[str, Backbone] = {
    "resnet18": Backbone(
        build=_resnet18,
        hub_file=HubFile(models.ResNet18_Weights.IMAGENET1K_V1.url, "f37072fd"),
        shipped_file="resnet18-drawn.safetensors",
    ),
}


def load_backbone(name: str, weights: str = "auto") -> tuple[nn.Module, WeightsSource]:
    """Return a network in eval mode with an identity head, and the source of its weights.

    ``resnet18`` maps float32 ``(N, 3, H, W)``, normalized by ImageNet's mean and deviation, to ``(N, 512)``.
    ``weights`` is ``auto``, ``imagenet``, ``shipped``, ``random`` (torch's global generator) or the path of a state
    dict, ``.safetensors`` or ``.pth``. A path that ends in ``#sha256=…`` names a backbone pretrained on a plant's own
    images; its file must have that hash.

    Raises ValueError for an unknown name, FileNotFoundError for a missing file, and WeightsError (a ValueError) for
    weights that do not fit or do not match their hash."""
    if name not in BACKBONES:
        raise ValueError(f"Unknown backbone {name!r}. Known: {', '.join(sorted(BACKBONES))}.")
    backbone = BACKBONES[name]
    loaders = {"auto": _auto, "imagenet": _imagenet, "shipped": _shipped, "random": _random}
    network, source = loaders[weights](backbone) if weights in loaders else _from_file(backbone, Path(weights))
    return network.eval(), source


def _auto(backbone: Backbone) -> tuple[nn.Module, WeightsSource]:
    try:
        return _from_hub(backbone, AUTO_TIMEOUT_S, retry_failed=False)
    except HubUnreachableError as why:
        return _shipped(backbone, note_suffix=f" ImageNet weights could not be loaded: {why}.")


def _imagenet(backbone: Backbone) -> tuple[nn.Module, WeightsSource]:
    try:
        return _from_hub(backbone, IMAGENET_TIMEOUT_S, retry_failed=True)
    except HubUnreachableError as why:
        raise WeightsError(
            f"No ImageNet weights: {why}. Put {backbone.hub_file.url} at {backbone.hub_file.path}, "
            "or set BACKBONE_WEIGHTS to auto or shipped."
        ) from why


def _from_hub(backbone: Backbone, timeout_s: float, *, retry_failed: bool) -> tuple[nn.Module, WeightsSource]:
    path = fetch_hub_file(backbone.hub_file, timeout_s, retry_failed=retry_failed)
    digest = file_sha256(path)
    if not digest.startswith(backbone.hub_file.sha256_prefix):
        raise WeightsError(
            f"{path} is damaged: its sha256 starts with {digest[:8]}, not {backbone.hub_file.sha256_prefix}. Delete it."
        )
    network = _load(backbone, path)
    return network, WeightsSource("imagenet", digest, str(path), "torchvision's ImageNet-1k weights.")


def _shipped(backbone: Backbone, note_suffix: str = "") -> tuple[nn.Module, WeightsSource]:
    path = WEIGHTS_DIR / backbone.shipped_file
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. Create it with: python -m mltasks.vision.pretrain")
    digest = file_sha256(path)
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    if digest != expected:
        raise WeightsError(
            f"{path} is damaged: its sha256 is {digest}, its card says {expected}. Restore it from the repository."
        )
    note = "The project's own weights, distilled on drawn images, no ImageNet file." + note_suffix
    return _load(backbone, path), WeightsSource("shipped", digest, str(path), note)


def _random(backbone: Backbone) -> tuple[nn.Module, WeightsSource]:
    return backbone.build(), WeightsSource("random", "", "", "Random weights, without any pretraining.")


def _from_file(backbone: Backbone, location: Path) -> tuple[nn.Module, WeightsSource]:
    text, _, expected = str(location).partition(HASH_SUFFIX)
    path = Path(text)
    if not path.is_file():
        raise FileNotFoundError(
            f"No weights at {text!r}. BACKBONE_WEIGHTS is auto, imagenet, shipped, random or a file's path."
        )
    digest = file_sha256(path)
    if expected and digest != expected:
        raise WeightsError(
            f"{path} is damaged: its sha256 is {digest}, not {expected}. Restore it from a backup, pretrain the "
            "backbone again, or set backbone_weights to shipped."
        )
    note = "Pretrained on the plant's own images." if expected else "Weights from the configured file."
    return _load(backbone, path), WeightsSource("plant" if expected else "file", digest, text, note)


def _load(backbone: Backbone, path: Path) -> nn.Module:
    network = backbone.build()
    state = {key: value for key, value in _read_state(path).items() if not key.startswith("fc.")}
    try:
        # Files from before torch 0.4.1 lack the batch counters, which eval mode does not use.
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(_mismatch_message(path, str(error).splitlines()[-1].strip())) from error
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise WeightsError(_mismatch_message(path, f"missing {missing[:3]}, unexpected {unexpected[:3]}"))
    return network


def _read_state(path: Path) -> Mapping[str, Tensor]:
    """Read tensors by name, without unpickling other objects."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(_mismatch_message(path, f"unreadable ({type(error).__name__})")) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(_mismatch_message(path, "it contains more than named tensors"))
    return state


def _mismatch_message(path: Path, reason: str) -> str:
    return (
        f"{path} does not contain this backbone's weights: {reason}. "
        "Use a state dict of torchvision's network of the same name, or set auto or shipped."
    )
