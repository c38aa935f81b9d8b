"""Parsers of REST bodies: size-limited JSON and forms whose values can be stored."""

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

# Requests need only a few levels.
MAX_DEPTH = 16


class JSONParser(parsers.JSONParser):
    """Parser of JSON (RFC 8259) in UTF-8, at most 16 levels deep, without control characters."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value. Raises ParseError and FileTooLarge."""
        # .NET programs prepend a byte order mark; RFC 8259 allows parsers to ignore it.
        raw = _read_body(stream).removeprefix(codecs.BOM_UTF8)
        try:
            value = strict_json.parse(raw)
            storable.check_json(value, MAX_DEPTH, storable.TEXT_CONTROLS)
        except ValueError as error:
            raise ParseError(f"The body cannot be read as JSON: {error}") from None
        return value


class FormParser(parsers.FormParser):
    """Parser of forms without files."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the fields. Raises ValidationError and FileTooLarge."""
        return _check_fields(QueryDict(_read_body(stream), encoding="utf-8"))


class MultiPartParser(parsers.MultiPartParser):
    """Parser of forms that may have files."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> parsers.DataAndFiles[Any, Any]:
        """Return fields and files. Raises ParseError and ValidationError."""
        # Django compares the media type case-sensitively, but media types are case-insensitive.
        kind, semicolon, parameters = (media_type or "").partition(";")
        both = super().parse(stream, kind.lower() + semicolon + parameters, parser_context)
        _check_fields(both.data)
        return both


def _read_body(stream: IO[Any]) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw: bytes = stream.read(limit + 1)
    if len(raw) > limit:
        raise FileTooLarge(f"A body without files may have at most {limit:,} bytes.")
    return raw


def _check_fields(fields: QueryDict) -> QueryDict:
    try:
        storable.check_fields(fields)
    except storable.UnstorableFieldError as error:
        raise ValidationError({error.name: [error.reason]}) from None
    return fields
