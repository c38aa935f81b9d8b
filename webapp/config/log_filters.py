"""Filters of the log."""

from __future__ import annotations

import logging


class WithoutTraceback(logging.Filter):
    """Filter that keeps a record in one line: anybody can send a request for an unknown host, thousands of times."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the traceback off. The message names the host and the setting."""
        record.exc_info, record.exc_text = None, None
        return True
