"""EfficientNet-Lite as a frozen source of maps, with copies of blocks for fine-tuning.

Tan and Le, "EfficientNet", ICML 2019, in its Lite variant. Network and weights come from Python packages (Apache 2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mltasks.vision.networks.compute import full_precision_on_cpu
from mltasks.vision.networks.gradient_descent import Frozen

# Any multiple of 32, the networks' stride: the package pads each layer for one input size.
PADDED_FOR = 256
# The package's names of a block's convolutions and of their batch norms; a first block expands nothing.
_CONVOLUTIONS = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))


def build_efficientnet_lite(name: str) -> EfficientNet:
    """Return the network with random weights, padded as in its training for inputs that are multiples of 32.

    TensorFlow pads an even size on the right and at the bottom only, an odd size on both sides. Padded for the
    package's 260 pixels, the deeper maps would lie half a cell too far to the right and down."""
    return EfficientNet.from_name(name, image_size=PADDED_FOR)


class EfficientNetLiteMaps(Frozen):
    """Frozen network from RGB ``[N, 3, H, W]`` in [0, 1] to the maps after the blocks ``taps``."""

    def __init__(self, network: Any, taps: Sequence[int]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = nn.ModuleList(network._blocks)
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps after the network's own taps."""
        return self.maps_after(images, self.taps)

    def maps_after(self, images: Tensor, taps: Sequence[int]) -> list[Tensor]:
        """Return the maps after the blocks ``taps``; later blocks are not computed.

        The input is scaled as in the networks' training: (byte - 127) / 128."""
        x = self.stem((images * 255 - 127) / 128)
        maps = []
        for index, block in enumerate(self.blocks[: max(taps) + 1]):
            x = block(x)
            if index in taps:
                maps.append(x)
        return maps

    def fold_batch_norms(self) -> None:
        """Fold the batch norms into their convolutions: the same maps up to rounding, in half the time."""
        convolution, norm, activation = self.stem.children()
        self.stem = nn.Sequential(fuse_conv_bn_eval(convolution, norm), activation)  # type: ignore[arg-type, type-var]
        for block in self.blocks:
            for name, norm_name in _CONVOLUTIONS:
                if hasattr(block, name):
                    setattr(block, name, fuse_conv_bn_eval(getattr(block, name), getattr(block, norm_name)))
                    setattr(block, norm_name, nn.Identity())


class FoldedBlock(nn.Module):
    """Inverted residual block with its batch norms folded into its convolutions.

    Sandler et al., "MobileNetV2", CVPR 2018. With few labels, batch norms that follow each batch bring no gain."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        folded = (fuse_conv_bn_eval(getattr(block, name), getattr(block, norm)) for name, norm in _CONVOLUTIONS)
        expand, depthwise, project = folded
        self.expand, self.depthwise, self.project = expand, _with_native_padding(depthwise), project
        self.residual = self.depthwise.stride[0] == 1 and self.expand.in_channels == self.project.out_channels
        self.requires_grad_(True)

    def forward(self, maps: Tensor) -> Tensor:
        expanded = F.relu6(self.expand(maps))
        with full_precision_on_cpu(maps.device):
            filtered = F.relu6(self.depthwise(expanded.float()))
        projected: Tensor = self.project(filtered)
        return projected + maps if self.residual else projected


def _with_native_padding(convolution: Any) -> Any:
    """Return the convolution with built-in padding instead of the package's padding layer.

    The layer costs a copy. Asymmetric padding keeps the layer."""
    left, right, top, bottom = convolution.static_padding.padding
    if (left, top) == (right, bottom):
        convolution.padding, convolution.static_padding = (top, left), nn.Identity()
    return convolution
