"""Screening network of a fast path, loaded for serving; needs OpenVINO and numpy, never torch."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.guarantees.screening_certificate import Certificate
from mltasks.vision.serving import bundle
from mltasks.vision.serving.scorer import AcquireSlot, compile_model

if TYPE_CHECKING:
    import openvino


class Screener:
    """Loaded screening network with its certificate; threads may share a screener.

    ``meta`` is the content of the directory's ``meta.json``.
    """

    def __init__(
        self, model: openvino.CompiledModel, meta: dict[str, Any], acquire_slot: AcquireSlot = nullcontext
    ) -> None:
        self.meta = meta
        self.certificate = Certificate.from_json(meta["certificate"])
        self._shape = (meta["input"]["height"], meta["input"]["width"], 3)
        self._model = model
        self._acquire_slot = acquire_slot
        # One inference request for each thread, because a request serves one image at a time.
        self._requests = threading.local()

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        expected_sha256: str | None = None,
        threads: int = 0,
        acquire_slot: AcquireSlot = nullcontext,
    ) -> Self:
        """Verify the directory's hash and compile its graph for the CPU.

        An image is screened on ``threads`` threads (0: OpenVINO's choice) and within a slot of ``acquire_slot``. Raises
        BundleCorrupt if the directory is not as written or not the expected one.
        """
        bundle.verify(directory, expected_sha256)
        return cls(compile_model(directory / bundle.GRAPH, threads), bundle.read_meta(directory), acquire_slot)

    def logit(self, image: NDArray[np.uint8], slot_request: Any = None) -> float:
        """Return the screening logit of an RGB image, uint8 ``[height, width, 3]`` of the version's input size.

        The higher the logit, the less likely the full graph passes the image. ``slot_request`` is passed to
        ``acquire_slot``. Raises ValueError for any other shape or type, and the errors of ``acquire_slot``.
        """
        if image.dtype != np.uint8 or image.shape != self._shape:
            raise ValueError(f"This network screens uint8 images {self._shape}, not {image.dtype} {image.shape}.")
        with self._acquire_slot(slot_request):
            if not hasattr(self._requests, "own"):
                self._requests.own = self._model.create_infer_request()
            request = self._requests.own
            request.infer([np.ascontiguousarray(image)[None]])
            return float(request.get_output_tensor(0).data[0])
