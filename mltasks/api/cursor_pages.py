"""Cursor pagination by time."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class TimestampCursorPagination(CursorPagination):
    """Pagination ordered by time first; cursors are validated, because clients can forge them."""

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor. Raises NotFound for a position that is no time.

        PostgreSQL would fail on such a position.
        """
        cursor = super().decode_cursor(request)
        try:
            if cursor is not None and cursor.position is not None and parse_datetime(str(cursor.position)) is None:
                raise NotFound(self.invalid_cursor_message)
        except ValueError:
            raise NotFound(self.invalid_cursor_message) from None
        return cursor
