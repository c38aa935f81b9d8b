"""Names of the novelty detectors for people, in plots and on pages."""

from __future__ import annotations

# By the keys that versions store.
DETECTOR_NAMES = {
    "memory": "patch memory",
    "second_memory": "auxiliary patch memory",
    "detail": "compact features",
    "places": "multi-scale memory",
    "features": "feature autoencoder",
    "pixels": "pixel autoencoder",
    "whole": "global statistics",
    "second_whole": "auxiliary global statistics",
    "together": "detector ensemble",
}
