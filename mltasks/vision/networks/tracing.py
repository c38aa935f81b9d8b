"""Conversion of a network to an OpenVINO graph by OpenVINO's front end for torch."""

from __future__ import annotations

import warnings

import openvino
import torch
from openvino._offline_transformations import apply_moc_transformations
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn
from torch.jit._trace import TracerWarning


def trace_to_openvino(module: nn.Module, example: Tensor) -> openvino.Model:
    """Return the OpenVINO graph of a trained network, with the example's shape and type.

    The weights of ``module`` no longer require gradients afterwards."""
    module.cpu().eval().requires_grad_(False)

    # Traced as a function: tracing a module first compiles a script of each of its hundreds of submodules.
    def run(given: Tensor) -> object:
        return module(given)

    with torch.no_grad(), warnings.catch_warnings():
        # torch recommends torch.export, which takes twenty times as long.
        warnings.simplefilter("ignore", DeprecationWarning)
        # The input size is fixed, so numbers derived from shapes may be constants.
        warnings.simplefilter("ignore", TracerWarning)
        graph = torch.jit.trace(run, example, check_trace=False)  # type: ignore[no-untyped-call]
    # The steps of `openvino.convert_model`, without its four seconds of input analysis and without its telemetry.
    front = FrontEndManager().load_by_framework("pytorch")
    # Kept in a variable, so that it lives until it has been read.
    decoder = TorchScriptPythonDecoder(graph, example_input=example)
    read = front.load(decoder)
    (place,) = read.get_inputs()
    read.set_partial_shape(place, openvino.PartialShape(list(example.shape)))
    read.set_element_type(place, openvino.Type(example.numpy().dtype))
    model: openvino.Model = front.convert(read)
    # Fuses operations: a quarter of the nodes remain.
    apply_moc_transformations(model, cf=False, smart_reshape=True)
    return model
