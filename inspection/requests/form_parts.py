"""Parts of a multipart form: heads in any encoding, decoded contents."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value

from django.http.multipartparser import LazyStream, MultiPartParserError

from inspection.refusals import InvalidRequest

MAX_HEAD_BYTES = 4096  # bytes of one part's head
UNNAMED_FILE = "image"
_PRIVATE_USE_START = 0xF700  # plus the byte's value: a character that no encoding of names uses


def read_head(part: LazyStream) -> Message:
    """Read the header lines of a part; the head is empty before the first boundary."""
    head, end, rest = part.read(MAX_HEAD_BYTES).partition(b"\r\n\r\n")
    if not end:
        if len(head) == MAX_HEAD_BYTES:
            raise MultiPartParserError(f"the head of a part is longer than {MAX_HEAD_BYTES} bytes, or has no CRLF.")
        return Message()
    part.unget(rest)
    return HeaderParser().parsestr(_decode_head(head).lstrip("\r\n"), headersonly=True)


def _decode_head(head: bytes) -> str:
    """Decode a head as UTF-8; else replace each non-ASCII byte by a private-use character.

    The bytes do not tell the encoding, so none is guessed. ``_private_use_as_escapes`` turns the characters into
    ``\\xfc``.
    """
    try:
        return head.decode()
    except UnicodeDecodeError:
        # In cp932, Big5 and GBK a backslash after such a byte is part of the character.
        return re.sub(r"[\x80-\xff]\\?", _to_private_use, head.decode("latin-1"))


def _to_private_use(match: re.Match[str]) -> str:
    return "".join(chr(_PRIVATE_USE_START + ord(byte)) for byte in match[0])


def _private_use_as_escapes(text: str) -> str:
    return re.sub("[\uf700-\uf7ff]", lambda match: f"\\x{ord(match[0]) - _PRIVATE_USE_START:02x}", text)


def field_name(head: Message) -> str:
    """Return the name of the part's field, empty for a part without a name."""
    return _private_use_as_escapes(_disposition_parameter(head, "name") or "").strip()


def file_name(head: Message) -> str | None:
    """Return a file's name without folders and unprintable characters; None without a name."""
    title = _disposition_parameter(head, "filename")
    if title is None or not title.strip():
        return None
    bare = _private_use_as_escapes(re.split(r"[/\\]", html.unescape(title))[-1])
    bare = "".join(letter for letter in bare if letter.isprintable())
    return UNNAMED_FILE if bare.strip() in {"", ".", ".."} else bare


def _disposition_parameter(head: Message, name: str) -> str | None:
    try:
        parameters = head.get_params([], "content-disposition")
    except (TypeError, ValueError):  # from Python's reader of continued parameters
        raise InvalidRequest("The Content-Disposition of a form part cannot be read.") from None
    # RFC 5987 parameters, such as ``filename*``, follow the plain ones and take precedence.
    for key, value in reversed(parameters):
        if key.lower() == name:
            try:
                return collapse_rfc2231_value(value)
            except ValueError:  # from codecs that decode no text or lack ``errors="replace"``
                return UNNAMED_FILE
    return None


def read_content(head: Message, part: LazyStream) -> Iterator[bytes]:
    """Yield the part's bytes, decoded if the head declares base64. Raises InvalidRequest."""
    if str(head.get("content-transfer-encoding", "")).strip().lower() != "base64":
        yield from part
        return
    rest = b""
    for chunk in part:
        text = rest + b"".join(chunk.split())
        rest = text[len(text) // 4 * 4 :]
        yield _decode_base64(text[: len(text) - len(rest)])
    yield _decode_base64(rest)


def _decode_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        raise InvalidRequest("A form part declares base64, but its content is not base64.") from None
