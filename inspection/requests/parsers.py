"""Bodies of REST requests: JSON and forms that can be stored, of a size that a process can hold."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import QueryDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

from inspection.refusals import FileTooLarge
from mltasks.text import storable, strict_json

# No request of ours needs more than a few.
MAX_DEPTH = 16


class JSONParser(parsers.JSONParser):
    """JSON as RFC 8259 says, in UTF-8, at most 16 levels deep, without control characters."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value. Raises ParseError and FileTooLarge."""
        # Programs on .NET put the mark of UTF-8 in front; RFC 8259 lets readers pass over it.
        raw = _read_body(stream).removeprefix(codecs.BOM_UTF8)
        try:
            value = strict_json.parse(raw)
            storable.check_json(value, MAX_DEPTH, storable.TEXT_CONTROLS)
        except ValueError as error:
            raise ParseError(f"The body can't be read as JSON: {error}") from None
        return value


class FormParser(parsers.FormParser):
    """A form without files."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the fields. Raises ValidationError and FileTooLarge."""
        return _check_fields(QueryDict(_read_body(stream), encoding="utf-8"))


class MultiPartParser(parsers.MultiPartParser):
    """A form that may have files."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> parsers.DataAndFiles[Any, Any]:
        """Return the fields and the files. Raises ParseError and ValidationError."""
        # Django compares a type as it is written, and types may be written in capitals.
        kind, semicolon, parameters = (media_type or "").partition(";")
        both = super().parse(stream, kind.lower() + semicolon + parameters, parser_context)
        _check_fields(both.data)
        return both


def _read_body(stream: IO[Any]) -> bytes:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw: bytes = stream.read(most + 1)
    if len(raw) > most:
        raise FileTooLarge(f"A body without files may have at most {most:,} bytes.")
    return raw


def _check_fields(fields: QueryDict) -> QueryDict:
    try:
        storable.check_fields(fields)
    except storable.UnstorableFieldError as error:
        raise ValidationError({error.name: [error.reason]}) from None
    return fields
