"""Links from the images of a version's report to parts, hidden from their reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from inspection.models import Inspection
from labeling.review import blinding
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.reports.held_out_predictions import HeldOutPrediction
from mltasks.reports.version_disagreement import ComparedImage


@dataclass(frozen=True)
class ReportImageLink:
    """Image of a report with its part; None if no part is left or the image is from elsewhere.

    ``predictions`` are in the order of the versions, None for a version that did not measure the image. ``hidden`` is
    True while the reader judges the part.
    """

    image: ComparedImage
    part: Inspection | None
    predictions: list[tuple[ModelVersion, HeldOutPrediction | None]]
    hidden: bool


def link_report_images(
    model: RegisteredModel, images: Sequence[ComparedImage], versions: Sequence[ModelVersion], reader: User
) -> list[ReportImageLink]:
    """Return the images, in their order, each with a part of its file, preferably labeled."""
    hashes = [image.sha256 for image in images]
    parts = Inspection.objects.filter(product__registered_model=model, image_sha256__in=hashes)
    labeled_last = sorted(parts, key=lambda part: (part.human_verdict is not None, part.received_at))
    part_of = {part.image_sha256: part for part in labeled_last}
    hidden = blinding.parts_hidden_from(reader) | blinding.parts_judged_blind(reader)
    links = []
    for image in images:
        part = part_of.get(image.sha256)
        predictions = [(version, image.predictions.get(version.number)) for version in versions]
        links.append(ReportImageLink(image, part, predictions, part is not None and part.pk in hidden))
    return links
