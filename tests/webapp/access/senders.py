"""Senders of the access tables: people with a session and a token, camera stations with their keys, and a stranger."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from django.contrib.auth.models import Group, User
from django.test import Client
from django.test.client import ClientHandler
from rest_framework.authtoken.models import Token

from inspection.models import Station
from inspection.products.stations import issue_key, revoke_key
from tests.webapp.access.table import PEOPLE, SENDERS
from webapp.bootstrap.groups import ADMIN, QUALITY_MANAGER, REVIEWER

GROUP_OF = {"no-group": "", "reviewer": REVIEWER, "manager": QUALITY_MANAGER, "admin": ADMIN}
PASSWORD = "a-long-password-of-the-test"
# An address of documentation (RFC 5737): what is open on loopback alone stays shut.
ELSEWHERE = "192.0.2.7"


@dataclass
class Sender:
    """One column of the tables: its credentials, and for a person the account."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    session: str = ""
    user: User | None = None

    def client(self, *, rest: bool) -> Client:
        """Return a client without memory of earlier requests; REST takes tokens, pages a session."""
        client = Client(REMOTE_ADDR=ELSEWHERE, headers=self.headers if rest or not self.user else {})
        client.handler = _handler()
        if self.session and not rest:
            client.cookies["sessionid"] = self.session
        return client


@functools.cache
def _handler() -> ClientHandler:
    """Return one handler for all clients: the middleware looks for all static files when it is made."""
    return ClientHandler(enforce_csrf_checks=False)


def make_senders(own: Station, other: Station) -> dict[str, Sender]:
    """Return all senders by name; every person has staff status, so that groups alone decide in the admin."""
    made = {name: _person(name) for name in PEOPLE}
    revoked = issue_key(own)
    revoke_key(own.keys.get(prefix=revoked.partition(".")[0]))
    keys = {"own-station": issue_key(own), "other-station": issue_key(other), "revoked-key": revoked}
    made |= {name: Sender(name, {"Authorization": f"Api-Key {key}"}) for name, key in keys.items()}
    made["anonymous"] = Sender("anonymous")
    return {name: made[name] for name in SENDERS}


def _person(name: str) -> Sender:
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    if group := GROUP_OF[name]:
        user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    token = Token.objects.create(user=user)
    return Sender(name, {"Authorization": f"Token {token}"}, client.cookies["sessionid"].value, user)
