"""Class folders with drawn images, and what an import makes of them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from inspection.models import Product
from labeling.folder_import.import_summary import ImportSummary
from labeling.models import Label


def draw_image(path: Path, shade: int) -> Path:
    """Draw an image, JPEG or else PNG; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        Image.new("RGB", (48, 32), (shade, 90, 120)).save(file, "JPEG" if path.suffix == ".jpg" else "PNG")
    return path


def labels_of(product: Product) -> dict[str, str]:
    """Each label of the product by the name of its file."""
    labels = Label.objects.filter(inspection__product=product)
    return {label.inspection.original_filename: str(label) for label in labels}


def refused_codes(summary: ImportSummary) -> dict[str, str]:
    """The code of each refused path."""
    return {refused.name: refused.code for refused in summary.refused}
