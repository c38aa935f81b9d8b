"""Time limits of a web process for PostgreSQL: a hanging server must not hang the site.

The server limits the time of statements and locks. A stopped server, or one whose machine is gone, cannot, so the
client gives up by itself. Workers have neither limit: their statements may be long, and nobody waits for them.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, ClassVar, cast

import psycopg
from django.db import connection
from psycopg.abc import RV, PQGen

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


def bounded_connection_class(seconds: float) -> type[BoundedConnection]:
    """Return a connection class whose statements the server ends after ``seconds`` seconds."""
    return type("BoundedConnection", (BoundedConnection,), {"max_seconds": seconds + GRACE_SECONDS})
