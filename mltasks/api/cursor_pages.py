"""Pages by a cursor that stands for a moment."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class TimestampCursorPagination(CursorPagination):
    """Pages ordered by a time first. A cursor is a text that anybody can make."""

    def decode_cursor(self, request: Request) -> Any:
        """Read the cursor. Raises NotFound for one that stands for no moment, on which PostgreSQL would fail."""
        cursor = super().decode_cursor(request)
        try:
            if cursor is not None and cursor.position is not None and parse_datetime(str(cursor.position)) is None:
                raise NotFound(self.invalid_cursor_message)
        except ValueError:
            raise NotFound(self.invalid_cursor_message) from None
        return cursor
