"""Real PostgreSQL and Valkey from wheels: no Docker, no apt, no running service. Used by `make up` and by the tests."""
