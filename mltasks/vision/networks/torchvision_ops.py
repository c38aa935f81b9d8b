"""torchvision beside a CPU-only torch.

torchvision's wheel on PyPI is linked against CUDA's torch. Beside a CPU-only torch its C extension can't load, and then
``import torchvision`` dies with ``operator torchvision::nms does not exist``, because it describes two operators that
only the extension defines. Declaring their schemas first makes the models and transforms work; the operators themselves
stay uncallable, and nothing here calls them. Where the extension loads, nothing is declared.

Import torchvision from here: ``from mltasks.vision.networks.torchvision_ops import models, transforms``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_DETECTION_OPS = ("nms", "qnms")
_DETECTION_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _extension_loads() -> bool:
    """Load torchvision's C extension the way its ``extension.py`` does, and say whether that worked."""
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
    """Declare the schemas that ``import torchvision`` asks for, where the extension didn't bring them."""
    if _extension_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in _DETECTION_OPS:
        library.define(name + _DETECTION_SCHEMA)  # type: ignore[no-untyped-call]
    return library


# Kept for the life of the process: a Library takes its declarations back when it is collected.
DECLARED_OPS = _declare_missing_ops()

from torchvision import models, transforms  # noqa: E402 - only importable once the operators are declared
from torchvision.transforms import v2  # noqa: E402 - likewise; it is not loaded by its parent package

__all__ = ["DECLARED_OPS", "models", "transforms", "v2"]
