"""Pixel layouts of 8 bits a channel as RGB: palettes, CMYK, grey, and what lies under transparency."""

from __future__ import annotations

from PIL import Image

BACKGROUND_GRAY = (128, 128, 128)
# Modes with a channel for transparency
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def to_rgb(image: Image.Image) -> Image.Image:
    """Return any accepted layout of 8 bits as RGB; transparency lies on mid grey, unless all is transparent."""
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        return _composite_on_gray(image)
    return image.convert("RGB")


def _composite_on_gray(image: Image.Image) -> Image.Image:
    # "La" and "RGBa" are premultiplied: Pillow only knows their own way back.
    straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
    layered = image.convert(straight).convert("RGBA")
    if image.mode in ALPHA_MODES and layered.getchannel("A").getextrema() == (0, 0):
        # Cameras leave the fourth byte of each pixel at 0: nobody means an image of nothing.
        return layered.convert("RGB")
    ground = Image.new("RGBA", image.size, (*BACKGROUND_GRAY, 255))
    return Image.alpha_composite(ground, layered).convert("RGB")
