"""Reader of stations' multipart forms: known fields only, each once, text in UTF-8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from functools import cache
from typing import IO, Any, cast

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import ChunkIter, InterBoundaryIter, LazyStream
from django.utils.datastructures import MultiValueDict
from rest_framework.serializers import FileField, ListField, Serializer

from inspection.refusals import FileTooLarge, InvalidEncoding, InvalidRequest
from inspection.requests.form_parts import field_name, file_name, read_content, read_head
from mltasks.api.request_fields import UnknownField, unknown_fields_message


@dataclass(frozen=True, slots=True)
class FormFields:
    """Names of the fields that a form may have."""

    files: frozenset[str]
    texts: frozenset[str]
    several_files: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all fields."""
        return self.files | self.texts


@cache
def form_fields(form: type[Serializer[Any]]) -> FormFields:
    """Return the fields that a serializer declares."""
    fields = form().fields
    lists = {name for name, field in fields.items() if isinstance(field, ListField)}
    files = lists | {name for name, field in fields.items() if isinstance(field, FileField)}
    return FormFields(frozenset(files), frozenset(set(fields) - files), several_files=bool(lists))


class LimitedUploadHandler(FileUploadHandler):
    """Upload handler that reads one form and limits its files to ``max_bytes`` in total.

    Reading stops at the limit. Files above ``max_memory_bytes`` bytes are written to disk.
    """

    def __init__(self, fields: FormFields, max_bytes: int, max_memory_bytes: int) -> None:
        super().__init__()
        self.fields, self.max_bytes, self.max_memory_bytes = fields, max_bytes, max_memory_bytes
        self.received_bytes = self.text_bytes = self.part_count = 0
        self.unknown_names: list[str] = []
        self.texts: QueryDict = QueryDict(mutable=True)
        self.files: MultiValueDict[str, UploadedFile[bytes]] = MultiValueDict()

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],
        content_length: int,
        boundary: Any,  # bytes, where the stubs say str
        encoding: str | None = None,
    ) -> tuple[QueryDict, MultiValueDict[str, UploadedFile[bytes]]]:
        """Return the form's texts and files.

        Raises FileTooLarge, UnknownField, InvalidEncoding and InvalidRequest.
        """
        stream = LazyStream(ChunkIter(input_data, self.chunk_size))
        try:
            for part in InterBoundaryIter(stream, b"--" + boundary):
                self._read_part(part)
            if reason := unknown_fields_message(self.unknown_names, self.fields.names):
                raise UnknownField(reason)
        except BaseException:
            for _, files in self.files.lists():
                for file in files:
                    file.close()
            raise
        self.texts._mutable = False
        return self.texts, self.files

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count the bytes of all files. Raises FileTooLarge."""
        self.received_bytes += len(raw_data)
        if self.received_bytes > self.max_bytes:
            raise file_too_large(self.max_bytes)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Do nothing: ``handle_raw_input`` creates the files."""

    def _read_part(self, part: LazyStream) -> None:
        head = read_head(part)
        # Any text may precede the first boundary and follow the last one.
        if "content-disposition" in head:
            self._count_part()
            name = field_name(head)
            if name in self.fields.files:
                self._read_file(name, head, part)
            elif name in self.fields.texts:
                self._read_text(name, head, part)
            else:
                self.unknown_names.append(name)
        for _ in part:  # skip unread content
            pass

    def _count_part(self) -> None:
        self.part_count += 1
        limit: int | None = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        if limit is not None and self.part_count > limit:
            raise TooManyFieldsSent("The form has more fields than DATA_UPLOAD_MAX_NUMBER_FIELDS.")

    def _read_file(self, name: str, head: Message, part: LazyStream) -> None:
        title = file_name(head)
        if title is None:
            raise InvalidRequest(
                f"`{name}` has no file name. Send it as a file, for example with curl -F {name}=@part.jpg."
            )
        sent = len(self.files.getlist(name))
        if sent and not self.fields.several_files:
            raise InvalidRequest(
                f"Send one image per request: there is more than one field `{name}`. "
                "Send several images to /api/v1/inspections/batch/."
            )
        if sent >= (settings.DATA_UPLOAD_MAX_NUMBER_FILES or sent + 1):
            raise TooManyFilesSent("The form has more files than DATA_UPLOAD_MAX_NUMBER_FILES.")
        self.files.appendlist(name, self._spool_file(title, head.get_content_type(), read_content(head, part)))

    def _spool_file(self, title: str, content_type: str, chunks: Iterable[bytes]) -> UploadedFile[bytes]:
        file = tempfile.SpooledTemporaryFile(max_size=self.max_memory_bytes, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
        size = 0
        try:
            for chunk in chunks:
                file.write(self.receive_data_chunk(chunk, size))
                size += len(chunk)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return UploadedFile(cast(IO[bytes], file), title, content_type, size)

    def _read_text(self, name: str, head: Message, part: LazyStream) -> None:
        """Read one field's text. Some clients send it as a file (``filename="blob"``)."""
        if name in self.texts:
            raise InvalidRequest(f"The field `{name}` was sent more than once. Send it once.")
        raw = bytearray()
        for chunk in read_content(head, part):
            raw += chunk
            self.text_bytes += len(chunk)
            if self.text_bytes > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
                raise InvalidRequest(f"The texts of the form may have at most {limit:,} bytes in total.")
        try:
            self.texts.appendlist(name, raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise InvalidEncoding(
                f"The field `{name}` is not UTF-8 text. Encode it as UTF-8 and send it again."
            ) from None


def refuse_query_fields(query: Iterable[str], fields: FormFields) -> None:
    """Raise UnknownField for form fields in the query, where they would be ignored."""
    if misplaced := sorted(fields.names.intersection(query)):
        names = ", ".join(f"`{name}`" for name in misplaced)
        raise UnknownField(f"Send {names} as a field of the form, not in the address.")


def file_too_large(max_bytes: int) -> FileTooLarge:
    """Return the refusal of files above the limit in bytes."""
    return FileTooLarge(f"The files may have at most {max_bytes:,} bytes in total.")
