"""Import of torchvision together with a CPU-only torch.

torchvision's wheel on PyPI is linked against CUDA's torch, so its C extension cannot load beside a CPU-only torch.
``import torchvision`` then fails with ``operator torchvision::nms does not exist``: it describes two operators that
only the extension defines. Declaring their schemas first makes the models work. The operators stay
uncallable, and nothing here calls them. If the extension loads, nothing is declared.

Import torchvision from here: ``from mltasks.vision.networks.torchvision_ops import models``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_DETECTION_OPS = ("nms", "qnms")
_DETECTION_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _extension_loads() -> bool:
    """Load torchvision's C extension as its ``extension.py`` does; return True on success."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision is not installed: pip install -r requirements.txt")
    libraries = sorted(Path(spec.origin).parent.glob("_C*.so")) + sorted(Path(spec.origin).parent.glob("_C*.pyd"))
    try:
        for library in libraries:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)


def _declare_missing_ops() -> torch.library.Library | None:
    """Declare the operators that ``import torchvision`` needs, unless the extension loads."""
    if _extension_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in _DETECTION_OPS:
        library.define(name + _DETECTION_SCHEMA)  # type: ignore[no-untyped-call]
    return library


# Kept for the life of the process: garbage collection of a Library removes its declarations.
DECLARED_OPS = _declare_missing_ops()

from torchvision import models  # noqa: E402 - only importable once the operators are declared

__all__ = ["DECLARED_OPS", "models"]
