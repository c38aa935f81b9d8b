"""Reader of single uploads: a multipart request becomes a submission of limited size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from inspection.intake.submission import Submission
from inspection.models import Station
from inspection.refusals import InvalidImage, InvalidRequest, LengthRequired
from inspection.requests.form_reader import LimitedUploadHandler, file_too_large, form_fields, refuse_query_fields
from inspection.requests.form_serializers import ImageFormSerializer

IDEMPOTENCY_KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,200}")


def read_submission(
    request: Request, form_class: type[ImageFormSerializer], station: Station, arrived: float
) -> Submission:
    """Read the body into a submission. Raises the refusals of the contract.

    A body whose declared length is too large is refused before reading.
    """
    key = read_idempotency_key(request)
    check_length(request, settings.MAX_IMAGE_BYTES)
    limit_upload(request, form_class, settings.MAX_IMAGE_BYTES, settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
    form = form_class(data=request.data)
    form.is_valid(raise_exception=True)
    fields: dict[str, Any] = form.validated_data
    return replace(build_submission(fields["file"], fields, key, station), arrived=arrived)


def limit_upload(request: Request, form_class: type[Serializer[Any]], max_bytes: int, max_memory_bytes: int) -> None:
    """Install a LimitedUploadHandler for the form's fields. Raises UnknownField."""
    fields = form_fields(form_class)
    refuse_query_fields(request.query_params, fields)
    request._request.upload_handlers = [LimitedUploadHandler(request._request, fields, max_bytes, max_memory_bytes)]


def build_submission(
    file: UploadedFile[bytes], fields: Mapping[str, Any], key: str | None, station: Station
) -> Submission:
    """Return one image of the station with the metadata of a checked form."""
    return Submission(
        image=cast(BinaryIO, file.file),
        product=station.product,
        station=station,
        filename=file.name or "",
        part_id=fields.get("part_id", ""),
        captured_at=fields.get("captured_at"),
        metadata=fields.get("metadata", {}),
        idempotency_key=key or "",
    )


def check_length(request: Request, max_bytes: int) -> None:
    """Refuse a body by its headers: without a length, empty, or longer than allowed.

    Raises LengthRequired, InvalidImage and FileTooLarge. ``max_bytes`` limits the files.
    """
    declared = request.META.get("CONTENT_LENGTH") or ""
    if not declared and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired("Send the body with a Content-Length, not in chunks.")
    length = int(declared) if declared.isdecimal() else 0
    if length == 0:
        raise InvalidImage("The request has no body. Send the image as the field `file` of a multipart form.")
    # Allow Django's limit of text bytes for the other fields and the part heads.
    if length > max_bytes + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise file_too_large(max_bytes)


def read_idempotency_key(request: Request) -> str | None:
    """Return the request's idempotency key; None without one. Raises InvalidRequest."""
    key: str | None = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key has 1 to 200 printable ASCII characters and no spaces.")
    return key
