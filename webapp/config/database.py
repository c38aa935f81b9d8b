"""Settings of the database, and time limits of a web process for it: a hanging server must not hang the site.

The server limits the time of statements and locks. A stopped server, or one whose machine is gone, cannot, so the
client gives up by itself. Workers have neither limit: their statements may be long, and nobody waits for them.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, ClassVar, cast

import psycopg
from django.db import connection
from psycopg.abc import RV, PQGen

from webapp.config.environment import Environment

# Seconds that the client waits beyond a statement's time limit on the server
GRACE_SECONDS = 2.0
# Seconds for the empty statement by which the pool checks a connection before its use
CHECK_SECONDS = 2.0
_POLL_SECONDS = 0.1


class BoundedConnection(psycopg.Connection[Any]):
    """Connection that is closed when its server does not answer within ``max_seconds`` seconds."""

    max_seconds = 12.0
    _replaced_at: ClassVar[float] = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._opened_at = monotonic()

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Execute a statement; the pool's check, an empty statement, has a shorter limit.

        If the check fails, all idle connections of the pool are replaced.
        """
        if query != "":
            return super().execute(query, params, **options)
        statement_limit, self.max_seconds = self.max_seconds, CHECK_SECONDS
        try:
            return super().execute(query, params, **options)
        except psycopg.Error:
            self._replace_idle_connections()
            raise
        finally:
            self.max_seconds = statement_limit

    def _replace_idle_connections(self) -> None:
        """Replace the pool's idle connections, which a restart of the server closed together.

        The pool itself finds them one by one, with growing pauses: after four of them it gives up.
        """
        if self._opened_at > BoundedConnection._replaced_at:
            BoundedConnection._replaced_at = monotonic()
            cast(Any, connection).pool.drain()

    def wait(self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        """Wait for a statement. Raises OperationalError when the server does not answer in time."""
        try:
            return super().wait(gen, interval=interval, timeout=self.max_seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise  # a caller that set a timeout handles its expiry
            self.close()
            raise psycopg.OperationalError(f"PostgreSQL did not answer within {self.max_seconds:.0f} s.") from error


def database_settings(env: Environment, default_url: str) -> dict[str, Any]:
    """Return Django's settings of the database at `DATABASE_URL`, else at ``default_url``.

    `DATABASE_POOL` connections are shared by a web process's threads; 0, as in workers, gives each thread its own.
    """
    database: dict[str, Any] = env.raw.db_url_config(env.text("DATABASE_URL") or default_url)
    pool = env.integer("DATABASE_POOL", 0, 0, 1000)
    # Merged, not replaced: a URL may carry options of its own (a socket folder, sslmode).
    options: dict[str, Any] = {"connect_timeout": 5, **database.get("OPTIONS", {})}
    # Time limits in seconds of a statement and of a lock in requests, set by `webapp.server`; 0, as in workers: none.
    statement_seconds = env.integer("DATABASE_STATEMENT_SECONDS", 0, 0, 3600)
    lock_seconds = env.integer("DATABASE_LOCK_SECONDS", 0, 0, 3600)
    if statement_seconds or lock_seconds:
        limits = f"-c statement_timeout={statement_seconds}s -c lock_timeout={lock_seconds}s"
        options["options"] = f"{options.get('options', '')} {limits}".lstrip()
    if pool:
        # After two seconds of failed attempts, the next request tries at once; the pool's own pauses grow to minutes.
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 5, "reconnect_timeout": 2}
        if statement_seconds:
            options["pool"]["connection_class"] = bounded_connection_class(statement_seconds)
    return {
        **database,
        "CONN_MAX_AGE": 0 if pool else env.integer("CONN_MAX_AGE", 60, 0, 86_400),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def bounded_connection_class(seconds: float) -> type[BoundedConnection]:
    """Return a connection class whose statements the server ends after ``seconds`` seconds."""
    return type("BoundedConnection", (BoundedConnection,), {"max_seconds": seconds + GRACE_SECONDS})
