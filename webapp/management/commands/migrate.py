"""Django's migrate with a lock timeout: a waiting lock blocks all later queries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

LOCK_SECONDS, MAX_TRIES, PAUSE_SECONDS = 5, 6, 5.0
_BLOCKING_SQL = """
    SELECT pid, coalesce(nullif(application_name, ''), usename), extract(epoch FROM now() - xact_start)::int,
           left(query, 100)
    FROM pg_stat_activity
    WHERE xact_start < now() - interval '2 seconds' AND pid <> pg_backend_pid() AND datname = current_database()
    ORDER BY xact_start LIMIT 5
"""


class Command(migrate.Command):
    """Command that applies migrations; each gives up a lock after LOCK_SECONDS and is retried."""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Migrate. Raises CommandError with the blocking sessions when a table stays locked."""
        connection = connections[options["database"]]
        for left in reversed(range(MAX_TRIES)):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
                with connection.execute_wrapper(_without_timeout_if_concurrent):
                    return super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise
                self._report_blocked(connection, left)
            finally:
                _reset(connection)
            time.sleep(PAUSE_SECONDS)
        return None

    def _report_blocked(self, connection: Any, left: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_BLOCKING_SQL)
            sessions = [f"  process {pid} ({user}), for {age} s: {text}" for pid, user, age, text in cursor.fetchall()]
        report = "\n".join(
            [
                f"A migration waited {LOCK_SECONDS} s for a table that another session has locked. Open sessions:",
                *sessions,
            ]
        )
        if not left:
            raise CommandError(
                f"{report}\nThis migration was not applied. End the session that holds the lock "
                "(SELECT pg_terminate_backend(<process>)), or stop the programs that use the database. "
                "Then run the command again."
            )
        self.stderr.write(f"{report}\nRetrying in {PAUSE_SECONDS:.0f} s, {left} tries left.")


def _without_timeout_if_concurrent(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement, without a lock timeout if it runs CONCURRENTLY.

    Such a statement blocks nobody, and an abort would leave an invalid index.
    """
    if "CONCURRENTLY" not in str(sql).upper():
        return execute(sql, params, many, context)
    raw = context["cursor"].cursor
    raw.execute("SET lock_timeout = 0")
    try:
        return execute(sql, params, many, context)
    finally:
        raw.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")


def _reset(connection: Any) -> None:
    if connection.connection is not None and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
