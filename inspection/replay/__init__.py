"""Replays: stored parts scored again by another version, with metrics and report."""
