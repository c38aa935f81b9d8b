"""What a version is asked about is what training would learn from: the same bytes, from the same file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from numpy.typing import NDArray
from PIL import Image

from inspection.models import Inspection, Product
from inspection.products.stations import create_station
from mltasks.vision.serving.scorer import ScoredImage, Scorer
from mltasks.vision.training.features.feature_bank import read_pixels
from mltasks.vision.types import Roi, Sample
from tests.inspection.conftest import Sender
from tests.inspection.sample_images import drawn_part, encode
from tests.tiny_model import PLAIN_CONFIG, MakeVersion

LARGE = (2400, 1800)


def photo(image_format: str, orientation: int = 1) -> bytes:
    """A camera's large frame of a part, lying on its side where the tag says so."""
    frame = drawn_part().resize(LARGE)
    if image_format == "PNG of 12 bits":
        return encode(Image.fromarray(np.asarray(frame.convert("L")).astype(np.uint16) << 4), "PNG")
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    frame.save(out, image_format, exif=exif)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("roi", ["", "300,200,900,1000"])
@pytest.mark.parametrize(
    ("image_format", "orientation"),
    [("JPEG", 1), ("JPEG", 6), ("JPEG", 4), ("PNG", 1), ("TIFF", 8), ("PNG of 12 bits", 1)],
)
def test_serving_and_training_see_the_same_bytes(
    product: Product,
    make_version: MakeVersion,
    monkeypatch: pytest.MonkeyPatch,
    image_format: str,
    orientation: int,
    roi: str,
) -> None:
    make_version(product, champion=True)
    seen: list[NDArray[np.uint8]] = []
    look = Scorer.predict

    def watched(self: Scorer, image: NDArray[np.uint8], slot_request: object = None) -> ScoredImage:
        seen.append(image.copy())
        return look(self, image, slot_request)

    monkeypatch.setattr(Scorer, "predict", watched)
    answer = Sender(*create_station(product, "line-7", roi)).send(photo(image_format, orientation))

    assert answer.status_code == 201, answer.content
    row = Inspection.objects.get()
    path = Path(settings.MEDIA_ROOT) / row.image_name
    sample = Sample("it", row.image_sha256, path, 0, "it", roi=Roi.from_stored(row.roi), bit_depth=row.bit_depth)
    learned_from = read_pixels(sample, PLAIN_CONFIG.input_size)
    [asked] = seen
    assert asked.shape == (PLAIN_CONFIG.height, PLAIN_CONFIG.width, 3) and asked.std() > 1
    assert asked.tobytes() == learned_from.tobytes()
