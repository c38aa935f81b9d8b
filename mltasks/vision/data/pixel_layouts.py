"""Pixel layouts of 8 bits a channel as RGB: palettes, CMYK, grey, and what lies under transparency."""

from __future__ import annotations

from PIL import Image

GREY = (128, 128, 128)
# Modes with a channel for transparency
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def to_rgb(image: Image.Image) -> Image.Image:
    """Return any accepted layout of 8 bits as RGB; transparency lies on mid grey, unless all is transparent."""
    if image.mode in ALPHA or "transparency" in image.info:
        return _on_grey(image)
    return image.convert("RGB")


def _on_grey(image: Image.Image) -> Image.Image:
    # "La" and "RGBa" are premultiplied: Pillow only knows their own way back.
    straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
    layered = image.convert(straight).convert("RGBA")
    if image.mode in ALPHA and layered.getchannel("A").getextrema() == (0, 0):
        # Cameras leave the fourth byte of each pixel at 0: nobody means an image of nothing.
        return layered.convert("RGB")
    ground = Image.new("RGBA", image.size, (*GREY, 255))
    return Image.alpha_composite(ground, layered).convert("RGB")
