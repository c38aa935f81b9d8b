"""Passwords: which are taken, and how a person changes their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from webapp.bootstrap.first_admin import make_first_admin

OLD, NEW = "ada-and-a-long-password", "another-long-password"


@pytest.mark.parametrize(
    "weak",
    [
        "1234567890123",
        "            ",
        "\t \u00a0 \t \u2003 \t",
        "aaaaaaaaaaaa",
        "ab ab ab ab ab",
        "short-1",
        "password123",
        "adalovelace",
    ],
)
def test_it_refuses_a_weak_password(weak: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(weak, User(username="adalovelace"))


@pytest.mark.parametrize(
    "good", [NEW, "four words and spaces", "\u5bc6\u7801\u5b89\u5168\u5f88\u91cd\u8981\u5440", "91-83-72-Lq"]
)
def test_it_takes_a_good_password(good: str) -> None:
    validate_password(good, User(username="ada"))


@pytest.mark.django_db
def test_the_first_admins_weak_password_is_told(tmp_path: Path) -> None:
    assert "weak" not in make_first_admin(tmp_path, "root", NEW)
    told = make_first_admin(tmp_path, "boss", "12345678")
    assert "The password is weak. Change it at /password/" in told and "12345678" not in told


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password=OLD)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def change(client: Client, old: str = OLD, new: str = NEW, repeated: str = NEW) -> int:
    sent = {"old_password": old, "new_password1": new, "new_password2": repeated}
    return client.post("/password/", sent).status_code


def test_a_change_ends_the_other_sessions_and_keeps_this_one(ada: User) -> None:
    here, elsewhere = client_of(ada), client_of(ada)
    assert change(here) == 302
    assert "your other sessions are ended" in here.get("/password/").content.decode()
    assert elsewhere.get("/password/")["Location"] == "/login/?next=/password/"
    assert Client().post("/login/", {"username": "ada", "password": OLD}).status_code == 200
    assert Client().post("/login/", {"username": "ada", "password": NEW}).status_code == 302


@pytest.mark.parametrize(("old", "new"), [("wrong", NEW), (OLD, "123456789"), (OLD, "          "), (OLD, "")])
def test_it_refuses_and_says_why(ada: User, old: str, new: str) -> None:
    client = client_of(ada)
    sent = {"old_password": old, "new_password1": new, "new_password2": new}
    page = client.post("/password/", sent)
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(OLD)


def test_the_page_shows_no_data_to_a_person_without_a_group(ada: User) -> None:
    text = client_of(ada).get("/password/").content.decode()
    assert "product" not in text.lower()
    assert "/password/" in client_of(ada).get("/").content.decode(), "Who may open nothing finds the page."
