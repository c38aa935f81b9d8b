"""Admin site of claims, labels, defect types and rechecks."""

from __future__ import annotations

from labeling.admin import claims, defect_types, labels, rechecks

__all__ = ["claims", "defect_types", "labels", "rechecks"]
