"""Output of the supervisor and its processes: colored on the terminal, plain in a log file."""

from __future__ import annotations

import logging
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

_COLORS = {"web": 36, "scoring": 32, "training": 35, "replay": 94, "beat": 34, "demo": 33, "line": 93, "setup": 37}
_WIDTH = 10


class Console:
    """Thread-safe output of lines, each prefixed with its program's name."""

    def __init__(self, log: Path, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_colored = self._stream.isatty()
        self._lock = threading.Lock()
        self._file = logging.Logger("up")
        log.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(log, maxBytes=5_000_000, backupCount=3)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._file.addHandler(handler)

    def say(self, text: str, name: str = "up") -> None:
        """Print lines, each with the name before it."""
        for line in text.splitlines() or [""]:
            prefix = f"{name:<{_WIDTH}}| "
            self._file.info("%s%s", prefix, line)
            self._print(f"\033[{_COLORS.get(name, 1)}m{prefix}\033[0m{line}" if self._is_colored else prefix + line)

    def _print(self, line: str) -> None:
        with self._lock:
            try:
                print(line, file=self._stream, flush=True)
            except (BrokenPipeError, OSError, ValueError):
                # The terminal or the pipe is gone. The log file continues, and so does the system.
                return
