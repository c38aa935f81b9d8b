"""Admin site of products, stations, inspections and policy changes."""

from __future__ import annotations

from inspection.admin import inspections, policy_changes, products, stations

__all__ = ["inspections", "policy_changes", "products", "stations"]
