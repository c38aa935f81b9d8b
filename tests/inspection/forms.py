"""Multipart forms as bytes, as stations' own programs send them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.inspection.conftest import POST_URL, Sender
from tests.inspection.sample_images import jpeg

BOUNDARY = "----second-look"
Part = tuple[bytes, bytes]


def text_field(name: str, value: bytes | str) -> Part:
    """A field."""
    return f'Content-Disposition: form-data; name="{name}"'.encode(), _bytes(value)


def file_field(
    name: str, value: bytes | str, filename: bytes = b'filename="blob"', kind: str = "application/json"
) -> Part:
    """A field that comes as a file; ``filename`` is that parameter of its head, as it is."""
    head = f'Content-Disposition: form-data; name="{name}"; '.encode() + filename + f"\r\nContent-Type: {kind}".encode()
    return head, _bytes(value)


def image_field(filename: bytes = b'filename="part.jpg"', content: bytes | None = None, name: str = "file") -> Part:
    """A photo."""
    return file_field(name, jpeg() if content is None else content, filename, "image/jpeg")


def post_form(sender: Sender, *parts: Part, path: str = POST_URL, **headers: str) -> Any:
    """POST the parts as one form, with the station's key."""
    return sender.client.post(
        path,
        form_body(parts),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        headers=sender.headers | {name.replace("_", "-"): value for name, value in headers.items()},
    )


def form_body(parts: Iterable[Part]) -> bytes:
    """The bytes of a form."""
    mark = f"--{BOUNDARY}".encode()
    return b"".join(mark + b"\r\n" + head + b"\r\n\r\n" + value + b"\r\n" for head, value in parts) + mark + b"--\r\n"


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
