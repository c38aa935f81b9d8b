"""Benchmark of parts stored, scored and answered a second, beside a scoring-only service."""
