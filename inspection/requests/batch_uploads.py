"""A multipart request with many images read into submissions, all of them in files: none of it grows the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from inspection.intake.part_metadata import METADATA_DEPTH, read_json
from inspection.intake.submission import Submission
from inspection.models import Station
from inspection.refusals import InvalidRequest
from inspection.requests.form_serializers import MOST_IMAGES, BatchFormSerializer, SaidOfPartSerializer
from inspection.requests.uploads import build_submission, check_length, idempotency_key, read_strictly

ON_DISK = 1  # byte in memory: files above it lie on disk
# Room for the image's number behind the key
KEY_LENGTH = 196


def read_batch(request: Request, station: Station) -> list[Submission]:
    """The images in the order of their fields ``file``, each with what the field ``parts`` says of it. Raises the
    refusals of a request that is no batch; of its images none is looked at yet."""
    key = idempotency_key(request)
    if key is not None and len(key) > KEY_LENGTH:
        raise InvalidRequest(f"A batch's Idempotency-Key has at most {KEY_LENGTH} characters.")
    check_length(request, settings.MAX_BATCH_BYTES)
    read_strictly(request, BatchFormSerializer, settings.MAX_BATCH_BYTES, in_memory=ON_DISK)
    files: Sequence[UploadedFile[bytes]] = request.FILES.getlist("file")
    if not 1 <= len(files) <= MOST_IMAGES:
        raise InvalidRequest(f"Send 1 to {MOST_IMAGES} images a batch, each as a field `file`; these are {len(files)}.")
    said = _said(request, len(files))
    # The same batch again: each image finds its own first answer.
    keys = [None if key is None else f"{key}:{number}" for number in range(len(files))]
    return [build_submission(*one, station) for one in zip(files, said, keys, strict=True)]


def _said(request: Request, count: int) -> list[Mapping[str, Any]]:
    text = request.POST.get("parts")
    if text is None:
        return [{}] * count
    try:
        parts = read_json(text.encode(), METADATA_DEPTH + 2)
    except ValueError as error:
        raise InvalidRequest(f"`parts` can't be read: {error}") from None
    if not isinstance(parts, list) or len(parts) != count:
        raise InvalidRequest("`parts` is a JSON list with one object for each field `file`, in their order.")
    form = SaidOfPartSerializer(data=parts, many=True)
    if not form.is_valid():
        raise ValidationError({f"parts[{number}]": error for number, error in form.errors.items()})
    found: list[Mapping[str, Any]] = form.validated_data
    return found
