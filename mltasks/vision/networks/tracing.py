"""A network as OpenVINO's graph, by OpenVINO's own front end for torch."""

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
    """The graph of a network that has learned all it will (its weights ask for no gradient any more), its one input of
    the example's shape and type for good."""
    module.cpu().eval().requires_grad_(False)

    # Traced as a function: of a module, each of its hundreds of parts would be made a script of its own first.
    def run(given: Tensor) -> object:
        return module(given)

    with torch.no_grad(), warnings.catch_warnings():
        # torch.export is what torch would rather see, at twenty times the time.
        warnings.simplefilter("ignore", DeprecationWarning)
        # The input has one size for good, so that numbers made of shapes may be constants.
        warnings.simplefilter("ignore", TracerWarning)
        graph = torch.jit.trace(run, example, check_trace=False)  # type: ignore[no-untyped-call]
    # What `openvino.convert_model` does, without looking for what to do to the input, which is nothing and takes four
    # seconds, and without telling its authors abroad that somebody converts.
    front = FrontEndManager().load_by_framework("pytorch")
    # Named, so that it lives until it has been read.
    decoder = TorchScriptPythonDecoder(graph, example_input=example)
    read = front.load(decoder)
    (place,) = read.get_inputs()
    read.set_partial_shape(place, openvino.PartialShape(list(example.shape)))
    read.set_element_type(place, openvino.Type(example.numpy().dtype))
    model: openvino.Model = front.convert(read)
    # Fuses what belongs together: a quarter of the nodes are left.
    apply_moc_transformations(model, cf=False, smart_reshape=True)
    return model
