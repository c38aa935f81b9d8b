"""Failed logins lock a name at an address, a name, or an address; a plant behind one address is not locked out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client, RequestFactory

from webapp.accounts import lockouts
from webapp.config import settings_checks
from webapp.server.client_address import client_address, lockout_address

HERE, PROXY = "192.0.2.7", "10.0.0.5"
PASSWORD = "ada-and-a-long-password"


@pytest.fixture(autouse=True)
def small_limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    monkeypatch.setattr(lockouts, "MAX_FAILURES_PER_NAME", 8)
    monkeypatch.setattr(lockouts, "MAX_NAMES_PER_ADDRESS", 6)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


def log_in(name: str, password: str, door: str = "/login/", peer: str = HERE, forwarded: str = "") -> int:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    sent = {"username": name, "password": password}
    return Client().post(door, sent, REMOTE_ADDR=peer, headers=headers).status_code


@pytest.mark.parametrize("door", ["/login/", "/admin/login/"])
def test_one_password_on_many_names_locks_the_address(ada: User, door: str) -> None:
    tries = [log_in(f"person-{number}", "Summer2026!", door) for number in range(9)]
    assert tries == [200] * 5 + [429] * 4
    assert log_in("ada", PASSWORD, door) == 429
    assert log_in("ada", PASSWORD, door, peer="192.0.2.8") == 302, "Another address is another matter."


@pytest.mark.slow
def test_a_plant_behind_one_address_does_not_lock_itself_out(db: None) -> None:
    for number in range(20):
        name = f"reviewer-{number}"
        User.objects.create_user(name, password=PASSWORD)
        assert [log_in(name, "mistyped"), log_in(name, "again"), log_in(name, PASSWORD)] == [200, 200, 302]
    assert not AccessAttempt.objects.exists()


def test_one_name_guessed_from_many_addresses_is_locked_everywhere(ada: User) -> None:
    tries = [log_in("ada", f"guess-{number}", peer=f"198.51.100.{number}") for number in range(9)]
    assert tries == [200] * 7 + [429] * 2
    assert log_in("ada", PASSWORD) == 429
    assert log_in("bob", "mistyped") == 200


def test_one_person_is_locked_at_one_address_first(ada: User) -> None:
    assert [log_in("ada", "mistyped") for _ in range(4)] == [200, 200, 429, 429]
    assert log_in("ada", PASSWORD) == 429
    assert log_in("ada", PASSWORD, peer="192.0.2.8") == 302


def test_a_lock_ends_by_itself_whatever_is_tried_meanwhile(ada: User) -> None:
    for _ in range(6):
        log_in("ada", "mistyped")
    assert AccessAttempt.objects.get().failures_since_start == 3, "Tries during the lock do not count."
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=16))
    assert log_in("ada", PASSWORD) == 302


def test_people_behind_a_trusted_proxy_are_told_apart(ada: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [PROXY]
    assert [log_in("ada", "mistyped", peer=PROXY, forwarded="203.0.113.1") for _ in range(3)][-1] == 429
    assert log_in("ada", PASSWORD, peer=PROXY, forwarded="203.0.113.1") == 429
    assert log_in("ada", PASSWORD, peer=PROXY, forwarded="203.0.113.2") == 302


def test_who_is_no_proxy_can_not_choose_an_address(ada: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [PROXY]
    tries = [log_in("ada", "mistyped", forwarded=f"203.0.113.{number}") for number in range(4)]
    assert tries[-1] == 429


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", "203.0.113.1", "192.0.2.7"),
        ("10.0.0.5", "203.0.113.1", "203.0.113.1"),
        ("10.0.0.5", "127.0.0.1, 203.0.113.1", "203.0.113.1"),
        ("10.0.0.5", "203.0.113.1, 172.18.0.9", "203.0.113.1"),
        ("::ffff:10.0.0.5", "203.0.113.1", "203.0.113.1"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", "nonsense", "10.0.0.5"),
        ("10.0.0.5", "nonsense, 172.18.0.9", "172.18.0.9"),
        ("10.0.0.5", "2001:db8::7", "2001:db8::7"),
        ("", "203.0.113.1", "None"),
    ],
)
def test_the_sender_is_the_first_address_that_is_no_trusted_proxy(
    settings: Any, peer: str, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.5", "172.18.0.0/16"]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded})
    assert str(client_address(request)) == expected


def test_one_owner_of_many_ipv6_addresses_is_one(settings: Any) -> None:
    first, second = (RequestFactory().get("/", REMOTE_ADDR=f"2001:db8:1:2::{number}") for number in (1, 2))
    assert lockout_address(first) == lockout_address(second) == "2001:db8:1:2::"


@pytest.mark.parametrize("text", ["proxy.plant.example", "10.0.0.300", "0.0.0.0/0", "::/0", "*"])
def test_it_refuses_proxies_that_are_none(settings: Any, text: str) -> None:
    settings.TRUSTED_PROXIES = [PROXY, text]
    [found] = settings_checks.check_trusted_proxies(None)
    assert found.id == "webapp.E013"
    assert text in found.msg and found.hint


@pytest.mark.parametrize("door", ["/login/", "/admin/login/"])
def test_names_longer_than_can_be_recorded_are_locked_like_others(db: None, door: str) -> None:
    assert [log_in("n" * 100_000, "x", door) for _ in range(4)] == [200, 200, 429, 429]
