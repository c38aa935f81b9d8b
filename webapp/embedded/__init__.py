"""Real PostgreSQL and Valkey from wheels: no Docker, no apt, no running service. Used by `make up` and by the tests."""

from webapp.embedded.postgres import Postgres
from webapp.embedded.server import CouldNotStart
from webapp.embedded.valkey import Valkey

__all__ = ["CouldNotStart", "Postgres", "Valkey"]
