"""Fixtures for all tests. The servers come from `tests.embedded`, loaded by pyproject.toml."""

pytest_plugins = ["tests.browser", "tests.trained"]
