"""Names of the novelty detectors for people, in plots and on pages."""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """Mark a text for the message catalog, as Django's function does; pages translate it."""
    return text


# By the keys that versions store.
DETECTOR_NAMES = {
    "memory": gettext_noop("patch memory"),
    "second_memory": gettext_noop("auxiliary patch memory"),
    "coarse": gettext_noop("coarse patch memory"),
    "detail": gettext_noop("fine patch memory"),
    "places": gettext_noop("multi-scale memory"),
    "features": gettext_noop("feature autoencoder"),
    "pixels": gettext_noop("pixel autoencoder"),
    "whole": gettext_noop("global statistics"),
    "second_whole": gettext_noop("auxiliary global statistics"),
    "together": gettext_noop("detector ensemble"),
}
