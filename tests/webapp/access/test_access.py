"""Every route, by every method, for every sender: the answers of the tables, and no route without a row."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.template.backends.django import Template

from tests.webapp.access.plant import Plant, make_plant
from tests.webapp.access.requests import send
from tests.webapp.access.routes import Route, all_routes
from tests.webapp.access.senders import Sender
from tests.webapp.access.table import SENDERS, TABLES, Row, read_table
from webapp.bootstrap.groups import make_groups

pytestmark = pytest.mark.django_db
ROWS = [row for table in TABLES for row in read_table(table)]
OTHER_METHODS = ("PUT", "PATCH", "DELETE")
REFUSED = {"login", "401", "403", "404", "405"}
WRITES = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM) "(?!django_session)')


@pytest.fixture
def plant(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing.pem"
    make_groups(apps.get_app_config("labeling"))
    made = make_plant()
    logging.disable(logging.ERROR)  # thousands of refusals, each of which would be told
    # Who may pass is decided before anything is drawn, and drawing thousands of pages takes minutes.
    monkeypatch.setattr(Template, "render", lambda *_args, **_options: "")
    yield made
    logging.disable(logging.NOTSET)


def test_every_route_has_its_row() -> None:
    named = {row.route for row in ROWS}
    missing = sorted(name for name in all_routes() if not any(fnmatch.fnmatchcase(name, one) for one in named))
    assert missing == [], "Write who may do what there, in one of the tables beside this test."
    assert sorted(one for one in named if not fnmatch.filter(all_routes(), one)) == [], "These are no routes."


def test_no_row_is_written_twice() -> None:
    keys = [(row.method, row.route) for row in ROWS]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []


@pytest.mark.slow(35)
def test_each_sender_gets_what_the_tables_say(plant: Plant) -> None:
    routes = all_routes()
    wrong = []
    for row in ROWS:
        for name in fnmatch.filter(routes, row.route):
            wrong += _differences(plant, row, routes[name])
    assert wrong == [], "\n".join(["", *wrong])


@pytest.mark.slow
def test_methods_without_a_row_are_refused(plant: Plant) -> None:
    known = {(row.method, row.route) for row in ROWS}
    wrong = []
    for route in all_routes().values():
        for method in ("GET", "POST", *OTHER_METHODS):
            if route.pattern.startswith("admin/") or (method, route.name) in known:
                continue
            for name in ("anonymous", "admin", "own-station"):
                cell = _observed_cell(plant, plant.senders[name], method, route)
                wrong += [f"{method} {route.name} {name}: {cell}"] if cell not in REFUSED else []
    assert wrong == [], "\n".join(["", *wrong])


def _differences(plant: Plant, row: Row, route: Route) -> list[str]:
    cells = [_observed_cell(plant, plant.senders[name], row.method, route) for name in SENDERS]
    if cells == list(row.cells):
        return []
    line = "".join(
        f"{one if one == wanted else f'{one}!={wanted}':>12}" for one, wanted in zip(cells, row.cells, strict=True)
    )
    return [f"{row.method:5}{route.name:45}{line}"]


def _observed_cell(plant: Plant, sender: Sender, method: str, route: Route) -> str:
    """Return what a table would say of this request, whose writes are undone."""
    undone = transaction.atomic()
    undone._from_testcase = True  # type: ignore[attr-defined]  # intake's own transaction may stand in this one
    with undone, _writes() as written:
        answer = send(plant, sender, method, route)
        transaction.set_rollback(True)
    to_login = answer.status_code == 302 and re.match(r"/(admin/)?login/", answer["Location"])
    return ("login" if to_login else str(answer.status_code)) + ("+" if written else "")


@contextmanager
def _writes() -> Iterator[list[str]]:
    """Collect the statements that change rows, other than those of the session itself."""
    written: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        if WRITES.match(sql):
            written.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        yield written
