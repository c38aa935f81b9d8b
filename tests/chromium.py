"""Which Chromium, how it is started, and the windows that pages are looked at in. Knows no Django."""

from __future__ import annotations

import os
import shutil

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """Return the path of a Chromium: the one ``CHROMIUM`` names, else an installed one, else None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
