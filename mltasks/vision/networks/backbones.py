"""Registry of pretrained backbones and of their sources of weights.

``auto`` takes torchvision's ImageNet weights from the torch hub cache or by one short download. If both fail, it takes
the weights that ship with the project, which need no network. Random weights are used only on request."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_safetensors
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

    ``name`` is ``imagenet``, ``packaged``, ``shipped``, ``plant``, ``file`` or ``random``; ``sha256`` that of the file
    (empty for random); ``location`` its path or address; ``note`` describes the weights and the reason for them."""

    name: str
    sha256: str
    location: str
    note: str


class WeightsError(ValueError):
    """Error for unusable weights; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Builder of a network without its head, and the prefix of the head's tensors in files."""

    build: Callable[[], nn.Module]
    head: str = "fc."


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone(Architecture):
    """Registry entry: architecture, torch hub file and the shipped file's name (empty if none ships)."""

    hub_file: HubFile
    shipped_file: str = ""


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
    return load_network(BACKBONES[name], weights)


def load_network(backbone: Backbone, weights: str) -> tuple[nn.Module, WeightsSource]:
    """Load a registry entry as ``load_backbone`` does; without shipped weights, ``auto`` means ``imagenet``."""
    loaders = {"auto": _auto, "imagenet": _imagenet, "shipped": _shipped, "random": random_weights}
    if not backbone.shipped_file:
        loaders = {"auto": _imagenet, "imagenet": _imagenet, "random": random_weights}
    load = loaders.get(weights)
    network, source = load(backbone) if load else load_from_path(backbone, weights, [*loaders])
    return network.eval(), source


def _auto(backbone: Backbone) -> tuple[nn.Module, WeightsSource]:
    try:
        return _from_hub(backbone, AUTO_TIMEOUT_S, retry_failed=False)
    except HubUnreachableError as why:
        return _shipped(backbone, note_suffix=f" ImageNet weights could not be loaded: {why}.")


def _imagenet(backbone: Backbone) -> tuple[nn.Module, WeightsSource]:
    file = backbone.hub_file
    try:
        return _from_hub(backbone, IMAGENET_TIMEOUT_S, retry_failed=True)
    except HubUnreachableError as why:
        other = "set BACKBONE_WEIGHTS to auto or shipped" if backbone.shipped_file else "use another backbone"
        raise WeightsError(f"No ImageNet weights: {why}. Put {file.url} at {file.path}, or {other}.") from why


def _from_hub(backbone: Backbone, timeout_s: float, *, retry_failed: bool) -> tuple[nn.Module, WeightsSource]:
    path = fetch_hub_file(backbone.hub_file, timeout_s, retry_failed=retry_failed)
    digest = file_sha256(path)
    if not digest.startswith(backbone.hub_file.sha256_prefix):
        raise WeightsError(
            f"{path} is damaged: its sha256 starts with {digest[:8]}, not {backbone.hub_file.sha256_prefix}. Delete it."
        )
    network = load_weights(backbone, path)
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
    return load_weights(backbone, path), WeightsSource("shipped", digest, str(path), note)


def random_weights(architecture: Architecture) -> tuple[nn.Module, WeightsSource]:
    """Build the network with random weights, from torch's global generator."""
    return architecture.build(), WeightsSource("random", "", "", "Random weights, without any pretraining.")


def load_from_path(
    architecture: Architecture, location: str, sources: Sequence[str]
) -> tuple[nn.Module, WeightsSource]:
    """Load the weights at a path, which may end in ``#sha256=…``.

    Raises WeightsError, and FileNotFoundError, which names the ``sources`` that the network has besides files."""
    text, _, expected = location.partition(HASH_SUFFIX)
    path = Path(text)
    if not path.is_file():
        raise FileNotFoundError(f"No weights at {text!r}. BACKBONE_WEIGHTS is {', '.join(sources)} or a file's path.")
    digest = file_sha256(path)
    if expected and digest != expected:
        raise WeightsError(
            f"{path} is damaged: its sha256 is {digest}, not {expected}. Restore it from a backup, pretrain the "
            "backbone again, or set backbone_weights to shipped."
        )
    note = "Pretrained on the plant's own images." if expected else "Weights from the configured file."
    return load_weights(architecture, path), WeightsSource("plant" if expected else "file", digest, text, note)


def load_weights(architecture: Architecture, path: Path) -> nn.Module:
    """Build the network with the weights in a file. Raises WeightsError."""
    network = architecture.build()
    state = {key: value for key, value in _read_state(path).items() if not key.startswith(architecture.head)}
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(_mismatch_message(path, str(error).splitlines()[-1].strip())) from error
    # Files from before torch 0.4.1 lack the batch counters, which eval mode does not use.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise WeightsError(_mismatch_message(path, f"missing {missing[:3]}, unexpected {unexpected[:3]}"))
    return network


def _read_state(path: Path) -> Mapping[str, Tensor]:
    """Read tensors by name, without unpickling other objects."""
    try:
        if path.suffix == ".safetensors":
            return load_safetensors(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(_mismatch_message(path, f"unreadable ({type(error).__name__})")) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(_mismatch_message(path, "it contains more than named tensors"))
    return state


def _mismatch_message(path: Path, reason: str) -> str:
    advice = "Use a state dict of the network of the same name, or set auto or shipped."
    return f"{path} does not contain this backbone's weights: {reason}. {advice}"
