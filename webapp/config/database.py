"""Bounds on what a web process waits for from PostgreSQL, so that a server that hangs does not hang the site.

A statement's and a lock's time are bounded by the server. A server that was stopped, or whose machine is gone, bounds
nothing: there the client gives up. Workers have neither bound: their statements may be long, and nobody waits for them.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen

# Seconds that the client grants the server beyond a statement's own time
GRACE_SECONDS = 2.0
# Seconds for an answer to the empty statement by which the pool checks a connection before its use
CHECK_SECONDS = 2.0
_POLL_SECONDS = 0.1


class BoundedConnection(psycopg.Connection[Any]):
    """Connection that is closed when its server does not answer within ``max_seconds`` seconds."""

    max_seconds = 12.0

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Execute a statement. The pool's check, an empty one, gets less time than others."""
        if query != "":
            return super().execute(query, params, **options)
        usual, self.max_seconds = self.max_seconds, CHECK_SECONDS
        try:
            return super().execute(query, params, **options)
        finally:
            self.max_seconds = usual

    def wait(self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        """Wait for a statement. Raises OperationalError when the server does not answer in time."""
        try:
            return super().wait(gen, interval=interval, timeout=self.max_seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise  # whoever named a time handles its end
            self.close()
            raise psycopg.OperationalError(f"PostgreSQL did not answer within {self.max_seconds:.0f} s.") from error


def bounded_connection_class(seconds: float) -> type[BoundedConnection]:
    """Return a class of connections whose statements the server ends after so many seconds."""
    return type("BoundedConnection", (BoundedConnection,), {"longest": seconds + GRACE_SECONDS})
