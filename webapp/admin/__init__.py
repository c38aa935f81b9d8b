"""Admin site of accounts, groups and API tokens."""

from __future__ import annotations

from webapp.admin import accounts

__all__ = ["accounts"]
