"""Promotion policy: gate checks, automatic promotion, challengers, holdout history and audit log."""
