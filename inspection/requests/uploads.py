"""A multipart request read into an image and what is said of it, never more of it than an image may have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from inspection.intake.submission import Upload
from inspection.refusals import InvalidImage, InvalidRequest, LengthRequired
from inspection.requests.form_reader import LimitedUpload, fields_of, refuse_in_address, too_large
from inspection.requests.form_serializers import ImageFormSerializer

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def read_upload(request: Request, form_class: type[ImageFormSerializer]) -> Upload:
    """Read the body. Raises the refusals of the contract, before the body is read where its length already says so."""
    key = idempotency_key(request)
    check_length(request, settings.MAX_IMAGE_BYTES)
    read_strictly(request, form_class, settings.MAX_IMAGE_BYTES, settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
    form = form_class(data=request.data)
    form.is_valid(raise_exception=True)
    said: dict[str, Any] = form.validated_data
    return upload_of(said["file"], said, key)


def read_strictly(request: Request, form_class: type[Serializer[Any]], most: int, in_memory: int) -> None:
    """Have the request's body read by a LimitedUpload for the fields of the form. Raises UnknownField."""
    fields = fields_of(form_class)
    refuse_in_address(request.query_params, fields)
    request._request.upload_handlers = [LimitedUpload(request._request, fields, most, in_memory)]


def upload_of(file: UploadedFile[bytes], said: Mapping[str, Any], key: str | None) -> Upload:
    """One image with what a checked form says of its part."""
    return Upload(
        image=cast(BinaryIO, file.file),
        title=file.name or "",
        part_id=said.get("part_id", ""),
        captured_at=said.get("captured_at"),
        metadata=said.get("metadata", {}),
        idempotency_key=key,
    )


def check_length(request: Request, most: int) -> None:
    """Refuse a body by what its head says: without a length, empty, or with files of more than ``most`` bytes."""
    said = request.META.get("CONTENT_LENGTH") or ""
    if not said and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired("Send the body with a Content-Length, not in chunks.")
    length = int(said) if said.isdecimal() else 0
    if length == 0:
        raise InvalidImage("The request has no body. Send the image as the field `file` of a multipart form.")
    # The other fields and the form's own lines may have as much as Django lets them.
    if length > most + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise too_large(most)


def idempotency_key(request: Request) -> str | None:
    """The request's key, None without one. Raises InvalidRequest for one that is none."""
    key: str | None = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key has 1 to 200 printable ASCII characters and no spaces.")
    return key
