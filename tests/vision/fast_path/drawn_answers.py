"""Drawn parts with a full graph's answers: good parts pass, others do not.

The others are negatives, so that a fast path answers about half of all parts and saves time on any machine.
"""

from __future__ import annotations

import functools
import hashlib
import io
from pathlib import Path

from PIL import ImageOps

from mltasks.vision.fast_path.held_out import AnsweredImage
from mltasks.vision.fast_path.screening_learning import LearningTask
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.screening_certificate import ScreeningTerms
from mltasks.vision.types import DEFECT, GOOD, InputSize, Sample
from tests.tiny_model import small_parts

SIZE = InputSize(64, 64)
# Eight parts prove 0.35 at 0.95.
LOOSE = ScreeningTerms(EscapeRateGuarantee(0.35, 0.95), EscapeRateGuarantee(rate=1), "none", 0)


@functools.cache
def _jpegs() -> list[tuple[bool, bytes]]:
    encoded = []
    for number, part in enumerate(small_parts(29, good=80, scratch=0, excess=0)):
        passes, stream = number < 40, io.BytesIO()
        shown = part.image if passes else ImageOps.invert(part.image.convert("RGB"))
        shown.save(stream, "JPEG", quality=92)
        encoded.append((passes, stream.getvalue()))
    return encoded


def drawn_answers(folder: Path) -> list[AnsweredImage]:
    """Eighty drawn parts, half of them negatives."""
    images = []
    for number, (passes, content) in enumerate(_jpegs()):
        path = folder / f"{number}.jpg"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        sample = Sample(path.name, sha256, path, GOOD if passes else DEFECT, f"part {number}")
        images.append(AnsweredImage(sample, passes))
    return images


def drawn_task(folder: Path, full_graph: Path, terms: ScreeningTerms = LOOSE) -> LearningTask:
    """The drawn parts, to be learned beside a version's directory."""
    return LearningTask(drawn_answers(folder), full_graph, SIZE, terms)
