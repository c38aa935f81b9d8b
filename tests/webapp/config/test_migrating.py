"""A migration and a table that somebody else holds: it waits for seconds, says who is in the way, and tries again."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands import migrate as of_django
from django.db import connection

from tests.pages.web_server import _test_database
from webapp.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)
Migrations = Callable[[str], None]


@pytest.fixture
def migrations(monkeypatch: pytest.MonkeyPatch) -> Iterator[Migrations]:
    """Have a migration of one statement, and short waits. What it added is dropped."""
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrate, "MAX_TRIES", 3)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)

    def use(statement: str) -> None:
        def handle(self: Any, *args: Any, **options: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(statement)

        monkeypatch.setattr(of_django.Command, "handle", handle)

    yield use
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inspection_product DROP COLUMN IF EXISTS added")
        cursor.execute("DROP INDEX IF EXISTS added_index")


@contextmanager
def hold_table_lock(seconds: float) -> Iterator[None]:
    """Hold the products' table for so long, in the background."""
    ready = threading.Event()

    def hold() -> None:
        with psycopg.connect(_test_database(), application_name="a report") as other:
            other.execute("LOCK TABLE inspection_product IN ROW EXCLUSIVE MODE")
            ready.set()
            threading.Event().wait(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(10)
    try:
        yield
    finally:
        thread.join()


def column_exists() -> bool:
    """Return True if the column is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM information_schema.columns WHERE column_name = 'added'")
        return cursor.fetchone() is not None


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_it_tries_again_and_says_who_is_in_the_way(migrations: Migrations) -> None:
    migrations("ALTER TABLE inspection_product ADD COLUMN added int")
    told = io.StringIO()
    with hold_table_lock(2.5):
        call_command("migrate", stderr=told)
    assert column_exists() and lock_timeout() == "0"
    assert "A migration waited 1 s for a table that another session has locked" in told.getvalue()
    assert "(a report), for 2 s: LOCK TABLE inspection_product" in told.getvalue()


def test_it_gives_up_and_says_what_to_do(migrations: Migrations) -> None:
    migrations("ALTER TABLE inspection_product ADD COLUMN added int")
    with hold_table_lock(5), pytest.raises(CommandError, match=r"pg_terminate_backend.* Then run the command again"):
        call_command("migrate", stderr=io.StringIO())
    assert not column_exists() and lock_timeout() == "0"


def test_an_index_made_beside_the_work_waits_as_long_as_it_must(migrations: Migrations) -> None:
    migrations("CREATE INDEX CONCURRENTLY added_index ON inspection_product (fn_cost)")
    told = io.StringIO()
    with hold_table_lock(2.5):
        call_command("migrate", stderr=told)
    assert told.getvalue() == "" and lock_timeout() == "0"
