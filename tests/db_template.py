"""The tests' database, migrated once for all processes of a run: some 60 migrations take seven seconds of a processor.
A pytest plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from tests.embedded import OWN_POSTGRES
from tests.shared_fixture import make_once


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: Any,
    django_db_modify_db_settings: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """An empty test database with all tables, in place of pytest-django's own."""
    # A server of others would keep the copy.
    several = "PYTEST_XDIST_WORKER" in os.environ and OWN_POSTGRES in os.environ
    with django_db_blocker.unblock():
        made = _database_from_template(tmp_path_factory) if several else setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        _end_other_sessions()
        teardown_databases(made, verbosity=0)


def _end_other_sessions() -> None:
    """End what the threads of a live server left open: a database with a visitor can't be removed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _database_from_template(factory: pytest.TempPathFactory) -> Any:
    """The first process migrates, and keeps a copy that the others begin with."""
    made: list[Any] = []

    def migrate(folder: Path) -> str:
        made.extend(setup_databases(verbosity=0, interactive=False))
        connection.close()  # what is copied may have no visitors
        first, copy = connection.ops.quote_name(connection.settings_dict["NAME"]), "test_migrated"
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {copy} TEMPLATE {first}")
        return copy

    copy = make_once(factory, "database", migrate)
    if not made:
        connection.settings_dict["TEST"]["TEMPLATE"] = copy
        made.extend(setup_databases(verbosity=0, interactive=False))
    return made
