"""Promotion: gate checks, automatic promotion, challengers, holdout history and audit log."""
