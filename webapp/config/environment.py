"""Lenient environment: invalid values fall back to defaults and fail a system check.

An exception in the settings would show a traceback; `settings_checks` reports the same in one line.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def available_cores() -> int:
    """Return the processor cores that this process may use; fewer in a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Environment:
    """Values of the environment and of ``.env`` in ``base``; ``problems`` holds their errors."""

    def __init__(self, base: Path) -> None:
        self.raw = environ.Env()
        self.base = base
        self.problems: list[str] = []
        environ.Env.read_env(base / ".env")

    def text(self, name: str, default: str = "") -> str:
        """Return a text; an empty one counts as absent."""
        return str(self.raw.str(name, default="")).strip() or default

    def text_list(self, name: str, default: list[str]) -> list[str]:
        """Return texts separated by commas."""
        return [item.strip() for item in self.text(name).split(",") if item.strip()] or default

    def flag(self, name: str, default: bool) -> bool:
        """Return a truth value: 1, true, yes, on or 0, false, no, off."""
        text = self.text(name, "1" if default else "0").lower()
        if text not in _TRUE | _FALSE:
            self.problems.append(f"{name} is {text!r}; it must be 1 or 0.")
            return default
        return text in _TRUE

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return an integer between ``low`` and ``high``, both included."""
        text = self.text(name, str(default))
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            self.problems.append(f"{name} is {text!r}; it must be a whole number from {low} to {high}.")
            return default
        return value

    def choice(self, name: str, choices: list[str]) -> str:
        """Return one of ``choices``, the first by default."""
        text = self.text(name, choices[0]).lower()
        if text not in choices:
            self.problems.append(f"{name} is {text!r}; it must be {' or '.join(choices)}.")
            return choices[0]
        return text

    def folder(self, name: str, default: str) -> Path:
        """Return an absolute folder; a relative one is below ``base``."""
        return (self.base / self.text(name, default)).resolve()
