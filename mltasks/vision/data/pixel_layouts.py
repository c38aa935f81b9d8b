"""Conversion of 8-bit pixel layouts to RGB: palettes, CMYK, gray and transparency."""

from __future__ import annotations

from PIL import Image

BACKGROUND_GRAY = (128, 128, 128)
# Modes with an alpha channel
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any accepted 8-bit layout to RGB.

    Transparent areas become mid gray, unless the whole image is transparent.
    """
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        return _composite_on_gray(image)
    return image.convert("RGB")


def _composite_on_gray(image: Image.Image) -> Image.Image:
    # "La" and "RGBa" are premultiplied: Pillow converts them only to "LA" and "RGBA".
    straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
    layered = image.convert(straight).convert("RGBA")
    if image.mode in ALPHA_MODES and layered.getchannel("A").getextrema() == (0, 0):
        # Some cameras leave the fourth byte of each pixel at 0: the image is opaque.
        return layered.convert("RGB")
    ground = Image.new("RGBA", image.size, (*BACKGROUND_GRAY, 255))
    return Image.alpha_composite(ground, layered).convert("RGB")
